import script from './refresh.browser.mjs' with { type: 'text' };

export const pageScript: string = script;
