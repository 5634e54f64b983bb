/** Style sheets are imported as their text: `import style from './style.css' with { type: 'text' }`. */
declare module '*.css' {
  const text: string;
  export default text;
}
