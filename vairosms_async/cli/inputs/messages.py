"""What the command says about FILE: each message is one whole sentence with named placeholders."""

from gettext import gettext as _
from typing import Final

from vairosms_async.cli.language import to_translate

CANNOT_READ: Final = _("Cannot read {file}: {reason}")
NO_ROOM: Final = _("no room for its rows in {folder}: {error}. Set TMPDIR to another folder")

CONTAINS_KEY: Final = _("it contains the API key. Remove the key")
HEADER_CONTAINS_KEY: Final = _("its header contains the API key. Remove the key")
ROW_CONTAINS_KEY: Final = _("row {row} contains the API key. Remove the key")

COMPRESSED: Final = _("it is a compressed file. Unpack it first")
PDF: Final = _("it is a PDF. Export the list as text, CSV or .xlsx")
IMAGE: Final = _("it is an image. Enter the ids in a text file, one per line")
RICH_TEXT: Final = _("it is a document with rich text. Save it as plain text")
SQLITE: Final = _("it is a SQLite database, such as a store. Give the list of ids")
WEB_PAGE: Final = _("it is a web page or XML. Open it in Excel and save it as .xlsx")
ENCRYPTED: Final = _(
    "it has a password. Open it in Excel and save a copy as .xlsx without a password"
)
NOT_A_WORKBOOK: Final = _(
    "not a workbook, or it is damaged. Open it in Excel and save a copy as .xlsx"
)
NO_WORKBOOK_IN_ZIP: Final = _(
    "it is a zip archive or a document, not a workbook. Unpack it, or save the list as .xlsx"
)
FORMULA_WITHOUT_RESULT: Final = _(
    "FILE has formulas without a saved result, such as in {cell}. Their cells are read as empty. "
    "Open FILE in Excel and save it"
)
NO_SHEET: Final = _("no sheet {sheet!r}. Sheets: {sheets}")
EMPTY_SHEET: Final = _("the sheet {sheet!r} has no rows. Sheets: {sheets}")
EMPTY_SHEETS: Final = _("no visible sheet has rows. Name the sheet. Sheets: {sheets}")
NO_SHEETS: Final = _("it is not a workbook, so it has no sheets. Leave out --sheet")

NO_ENCODING: Final = _("no such encoding: {encoding}")
OTHER_ENCODING: Final = _("it is not in {encoding}")

TOO_FEW_ROWS: Final = _("it has only {rows} rows, and --skip-rows {skip_rows} skips all")
NO_ROWS: Final = _("it has no rows, and so no column {column!r}")
UNREADABLE_HEADER: Final = _("the first row cannot be read: is it CSV, with each quote closed?")
ESCAPED_DELIMITER: Final = _(
    "the first row has a backslash or ^ before a delimiter. Put that cell in quotes instead"
)
NO_COLUMN: Final = _("no column {column!r}. Columns: {columns}")
NO_COLUMN_NUMBER: Final = _("no column {column}: the first row has {width}")
SAME_NAME: Final = _(
    "several columns are named {column!r}: {numbers}. Use a number, such as --column {number}"
)
HEADER_BELOW: Final = _("the first row has no column {column!r}, but row {row} has. Add {option}")
TITLE_ABOVE: Final = _(
    "the first row looks like a title, and row {row} like the header. Add {option}"
)
NAME_THE_COLUMN: Final = _("name the column of the ids with --column. Columns: {columns}")
ONE_LINE: Final = _("all ids are in one line. Write one id per line")

# The problems of rows are also in OUT, which is English. The screen shows them translated.
NOT_AN_ID: Final = to_translate(
    "not a packet id: an id is a whole number above 0, written in digits"
)
CHANGED_BY_EXCEL: Final = to_translate(
    "Excel has changed this number: format the column as text, then enter the ids again"
)
TOO_LARGE: Final = to_translate("the number is too large for a packet id (max 9223372036854775807)")
LINE_TOO_LONG: Final = to_translate("the line is too long (max 1048576 characters)")
UNREADABLE_ROW: Final = to_translate(
    "the row cannot be read: close each quote, and double the quotes inside cells"
)
EMPTY: Final = to_translate("the id is missing: its cell is empty")
EMPTY_IN_WORKBOOK: Final = to_translate(
    "the id is missing: its cell is empty, or has an Excel error such as #N/A"
)
TOO_SHORT: Final = to_translate("the id is missing: the row is too short")
TOO_LONG: Final = to_translate(
    "the row has more cells than the header: put cells that contain the delimiter in quotes"
)
