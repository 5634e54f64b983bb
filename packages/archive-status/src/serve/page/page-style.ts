import colours from './style/colours.css' with { type: 'text' };
import narrow from './style/narrow.css' with { type: 'text' };
import parts from './style/parts.css' with { type: 'text' };
import picture from './style/picture.css' with { type: 'text' };
import tables from './style/tables.css' with { type: 'text' };
import text from './style/text.css' with { type: 'text' };

/** In this order: later rules win over earlier ones. */
export const pageStyle: string = [colours, text, parts, picture, tables, narrow].join('\n');
