"""What the command says about FILE: each message is one whole sentence with named placeholders."""

from typing import Final

CANNOT_READ: Final = "Cannot read {file}: {reason}"
NO_ROOM: Final = "no room for its rows in {folder}: {error}. Set TMPDIR to another folder"

CONTAINS_KEY: Final = "it contains the API key. Remove the key"
HEADER_CONTAINS_KEY: Final = "its header contains the API key. Remove the key"
ROW_CONTAINS_KEY: Final = "row {row} contains the API key. Remove the key"

COMPRESSED: Final = "it is a compressed file. Unpack it first"
PDF: Final = "it is a PDF. Export the list as text, CSV or .xlsx"
IMAGE: Final = "it is an image. Enter the ids in a text file, one per line"
RICH_TEXT: Final = "it is a document with rich text. Save it as plain text"
SQLITE: Final = "it is a SQLite database, such as a store. Give the list of ids"
WEB_PAGE: Final = "it is a web page or XML. Open it in Excel and save it as .xlsx"
ENCRYPTED: Final = "it has a password. Open it in Excel and save a copy as .xlsx without a password"
NOT_A_WORKBOOK: Final = (
    "not a workbook, or it is damaged. Open it in Excel and save a copy as .xlsx"
)
NO_WORKBOOK_IN_ZIP: Final = (
    "it is a zip archive or a document, not a workbook. Unpack it, or save the list as .xlsx"
)
NO_SHEET: Final = "no sheet {sheet!r}. Sheets: {sheets}"
EMPTY_SHEET: Final = "the sheet {sheet!r} has no rows. Sheets: {sheets}"
EMPTY_SHEETS: Final = "no visible sheet has rows. Name the sheet. Sheets: {sheets}"
NO_SHEETS: Final = "it is not a workbook, so it has no sheets. Leave out --sheet"

NO_ENCODING: Final = "no such encoding: {encoding}"
OTHER_ENCODING: Final = "it is not in {encoding}"

TOO_FEW_ROWS: Final = "it has only {rows} rows, and --skip-rows {skip_rows} skips all"
NO_ROWS: Final = "it has no rows, and so no column {column!r}"
UNREADABLE_HEADER: Final = "the first row cannot be read: is it CSV, with each quote closed?"
NO_COLUMN: Final = "no column {column!r}. Columns: {columns}"
NO_COLUMN_NUMBER: Final = "no column {column}: the first row has {width}"
SAME_NAME: Final = (
    "several columns are named {column!r}: {numbers}. Use a number, such as --column {number}"
)
HEADER_BELOW: Final = "the first row has no column {column!r}, but row {row} has. Add {option}"
TITLE_ABOVE: Final = "the first row looks like a title, and row {row} like the header. Add {option}"
NAME_THE_COLUMN: Final = "name the column of the ids with --column. Columns: {columns}"
ONE_LINE: Final = "all ids are in one line. Write one id per line"

# The problems of rows are also in OUT, which is the same in each language.
NOT_AN_ID: Final = "not a packet id: an id is a whole number above 0, written in digits"
CHANGED_BY_EXCEL: Final = (
    "Excel has changed this number: format the column as text, then enter the ids again"
)
TOO_LARGE: Final = "the number is too large for a packet id (max {max_id})"
LINE_TOO_LONG: Final = "the line is too long (max {max_length} characters)"
UNREADABLE_ROW: Final = (
    "the row cannot be read: close each quote, and double the quotes inside cells"
)
EMPTY: Final = "column {column} is empty"
EMPTY_IN_WORKBOOK: Final = "column {column} is empty, or has an Excel error such as #N/A"
TOO_SHORT: Final = "the row has no column {column}"
TOO_LONG: Final = (
    "the row has more cells than the header: put cells that contain the delimiter in quotes"
)
