// SPDX-License-Identifier: GPL-3.0-or-later
/* Files for a spreadsheet, made in the browser. */
import { decimalSign } from "./text.js";

/* A text that begins like a formula would run in the spreadsheet: an apostrophe makes it a text. Numbers stay
 * numbers. */
function cell(value) {
    if (value === null || value === undefined)
        return "";
    if (typeof value === "number")
        return String(value).replace(".", decimalSign());
    const text = /^[\s]*[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",;\r\n]/.test(text) || text.startsWith("'") ? `"${text.replaceAll('"', '""')}"` : text;
}

/* Spreadsheets of languages with a decimal comma expect semicolons between fields. The byte order mark tells all of
 * them that the file is UTF-8. */
export function csv(rows) {
    const separator = decimalSign() === "," ? ";" : ",";
    return `\ufeff${rows.map((row) => row.map(cell).join(separator)).join("\r\n")}\r\n`;
}

export function save(name, type, text) {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([text], { type }));
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
