/** What goes into the page is imported as its text: `import style from './style.css' with { type: 'text' }`. */
declare module '*.css' {
  const text: string;
  export default text;
}

declare module '*.browser.mjs' {
  const text: string;
  export default text;
}
