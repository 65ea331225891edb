import { cellName, type NamedCell } from "../../reproduce/cell-name.js";

/** What a cell of either suite is called on the page, where no equation is broken. */
export const nameOf = (cell: NamedCell): string => cellName(cell).replaceAll(" = ", "\u00a0=\u00a0");

/** What a cell is called among those of the largest N. */
export const nameAmongLargest = (cell: NamedCell): string => nameOf({ ...cell, trainN: undefined });
