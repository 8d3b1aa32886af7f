/** Elements as they are written in HTML, made by Preact; values in them are text and never markup. */
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);
