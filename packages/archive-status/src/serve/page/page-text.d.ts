/** What goes into the page is imported as its text: `import text from './style/text.css' with { type: 'text' }`. */
declare module '*.css' {
  const text: string;
  export default text;
}

declare module '*.browser.mjs' {
  const text: string;
  export default text;
}
