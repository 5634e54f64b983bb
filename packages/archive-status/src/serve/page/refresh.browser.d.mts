/** The script as text: `import script from './refresh.browser.mjs' with { type: 'text' }`. */
declare const text: string;
export default text;
