/* SPDX-License-Identifier: ISC */
/* kit_sheet.c: the page of a sheet: its code, a QR code of it, what to do. */
#include "cli/kit_sheet.h"

#include "client/home.h"
#include "vault/reccode.h"

#include <qrencode.h>
#include <string.h>

/* clang-format off */
static const char style[] =
    "@page { size: A4; margin: 0 }\n"
    "* { box-sizing: border-box; margin: 0 }\n"
    "html { background: #ece9e2 }\n"
    "body { width: 210mm; height: 297mm; margin: 0 auto; padding: 16mm 19mm 12mm; background: #fff; color: #1d2426;\n"
    "  font: 10.5pt/1.48 system-ui, \"Segoe UI\", Roboto, \"Noto Sans\", \"DejaVu Sans\", sans-serif;\n"
    "  display: flex; flex-direction: column; -webkit-print-color-adjust: exact; print-color-adjust: exact }\n"
    "header { display: flex; justify-content: space-between; align-items: flex-end; padding-bottom: 5mm;\n"
    "  border-bottom: .7mm solid #1f5a64 }\n"
    ".brand { display: flex; align-items: center; gap: 2.5mm; font-weight: 600; color: #1f5a64 }\n"
    ".brand svg { width: 8mm; height: 8mm }\n"
    "h1 { font-size: 25pt; line-height: 1.15; font-weight: 650; letter-spacing: -.01em; margin-top: 2.5mm }\n"
    ".which { text-align: right }\n"
    ".which b { display: block; font-size: 25pt; line-height: 1.15; font-weight: 650; color: #1f5a64 }\n"
    ".three { display: flex; gap: 1.6mm; justify-content: flex-end; margin-bottom: 2.5mm }\n"
    ".three i { width: 6mm; height: 8mm; border: .4mm solid #1f5a64; border-radius: .8mm; font-size: 9pt; line-height: 7.2mm; font-weight: 600;\n"
    "  font-style: normal; text-align: center; color: #1f5a64; display: block }\n"
    ".three i.on { background: #1f5a64; color: #fff }\n"
    "dl { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 1mm 6mm; margin: 6mm 0 7mm }\n"
    "dt { font-size: 8.5pt; color: #566164 }\n"
    "dd { font-weight: 600; margin: 0; overflow-wrap: anywhere }\n"
    ".code { border: .4mm solid #c9c3b6; border-radius: 3mm; padding: 7mm 7mm 6mm; display: flex; gap: 7mm;\n"
    "  align-items: center; justify-content: space-between }\n"
    ".groups { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4.5mm 4mm; flex: 1 }\n"
    ".groups div { text-align: center }\n"
    ".groups b { display: block; font: 700 19pt/1.25 \"DejaVu Sans Mono\", \"Cascadia Mono\", Menlo, Consolas, monospace;\n"
    "  letter-spacing: .06em; border-bottom: .25mm solid #1d2426; padding: 0 0 .8mm .06em }\n"
    ".groups span { font-size: 8pt; color: #566164 }\n"
    ".qr { width: 37mm; text-align: center; font-size: 8pt; line-height: 1.3; color: #566164 }\n"
    ".qr svg { width: 37mm; height: 37mm; display: block; margin-bottom: 1mm }\n"
    ".letters { font-size: 8.5pt; color: #566164; margin: 2.5mm 1mm 0 }\n"
    "section { margin-top: 5.2mm }\n"
    "h2 { font-size: 12.5pt; line-height: 1.3; font-weight: 650; color: #1f5a64; margin-bottom: 1.2mm }\n"
    "ol { padding-left: 5.5mm }\n"
    "li { padding-left: 1mm; margin-top: .6mm }\n"
    "code { font: 9.5pt \"DejaVu Sans Mono\", \"Cascadia Mono\", Menlo, Consolas, monospace; white-space: nowrap }\n"
    "pre { font: 9.5pt/1.5 \"DejaVu Sans Mono\", \"Cascadia Mono\", Menlo, Consolas, monospace; background: #f3f1ec;\n"
    "  border-radius: 1.5mm; padding: 1.6mm 3mm; margin: 1.2mm 0; white-space: pre-wrap; overflow-wrap: anywhere }\n"
    "footer { margin-top: auto; padding-top: 3mm; border-top: .25mm solid #c9c3b6; font-size: 8.5pt; color: #566164;\n"
    "  display: flex; justify-content: space-between; gap: 6mm }\n"
    "@media screen { body { margin: 8mm auto; border-radius: 2mm; box-shadow: 0 1mm 5mm #0002 } }\n"
    "@media print { html { background: #fff } }\n";

static const char mark[] =
    "<svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path fill=\"#1f5a64\" d=\"M4 30V15a12 12 0 0 1 24 0v15z\"/>"
    "<path fill=\"#fff\" d=\"M8 27V15a8 8 0 0 1 16 0v12z\"/><path fill=\"#1f5a64\" d=\"M15.2 8h1.6v19h-1.6z\"/>"
    "<circle cx=\"13\" cy=\"19\" r=\"1.4\" fill=\"#b8792b\"/><circle cx=\"19\" cy=\"19\" r=\"1.4\" fill=\"#b8792b\"/></svg>";
/* clang-format on */

static void
put_text(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case '&':
			buf_put_str(out, "&amp;");
			break;
		case '<':
			buf_put_str(out, "&lt;");
			break;
		case '>':
			buf_put_str(out, "&gt;");
			break;
		case '"':
			buf_put_str(out, "&quot;");
			break;
		default:
			buf_put_u8(out, (uint8_t)*s);
		}
}

/* One path of all dark modules: runs in a line are one rectangle. */
static void
put_qr(struct buf *out, const char *text)
{
	QRcode *q = QRcode_encodeString(text, 0, QR_ECLEVEL_Q, QR_MODE_8, 1);

	if (q == NULL)
		return;
	buf_printf(out,
	    "<svg viewBox=\"-2 -2 %d %d\" role=\"img\" aria-label=\"the same "
	    "code, to scan\" shape-rendering=\"crispEdges\"><path d=\"",
	    q->width + 4, q->width + 4);
	for (int y = 0; y < q->width; y++)
		for (int x = 0; x < q->width; x++) {
			int from = x;
			while (x < q->width &&
			    (q->data[y * q->width + x] & 1) != 0)
				x++;
			if (x > from)
				buf_printf(out, "M%d %dh%dv1h-%dz", from, y,
				    x - from, x - from);
		}
	buf_put_str(out, "\"/></svg>");
	QRcode_free(q);
}

static void
put_head(const struct kit_sheet *k, struct buf *out)
{
	buf_put_str(out, "<!-- " HOME_SECRET_MAGIC);
	buf_printf(out, "sheet %u of a recovery kit of ", k->number);
	put_text(out, k->account);
	buf_put_str(out,
	    " -->\n<!DOCTYPE html>\n<html lang=\"en\">\n<meta "
	    "charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width\">\n<meta "
	    "http-equiv=\"Content-Security-Policy\" content=\"default-src "
	    "'none'; style-src 'unsafe-inline'\">\n");
	buf_printf(out,
	    "<title>Recovery kit, sheet %u of %d</title>\n<style>\n", k->number,
	    RECCODE_SHEETS);
	buf_put_str(out, style);
	buf_put_str(
	    out, "</style>\n<body>\n<header><div><div class=\"brand\">");
	buf_put_str(out, mark);
	buf_put_str(out,
	    "Aumbry</div><h1>Recovery kit</h1></div>\n<div "
	    "class=\"which\"><div class=\"three\" aria-hidden=\"true\">");
	for (unsigned i = 1; i <= RECCODE_SHEETS; i++)
		buf_printf(out, "<i%s>%u</i>",
		    i == k->number ? " class=\"on\"" : "", i);
	buf_printf(out, "</div><b>Sheet %u of %d</b></div></header>\n",
	    k->number, RECCODE_SHEETS);
	buf_put_str(out, "<dl><div><dt>Account</dt><dd>");
	put_text(out, k->account);
	buf_put_str(out, "</dd></div><div><dt>Made on</dt><dd>");
	put_text(out, k->day);
	buf_put_str(out, "</dd></div><div><dt>Kit</dt><dd>");
	put_text(out, k->kit);
	buf_put_str(out, "</dd></div></dl>\n");
}

static void
put_code(const struct kit_sheet *k, struct buf *out)
{
	OWN(buf_free) struct buf code = { 0 };
	const unsigned group = 5; /* four characters and a dash */

	reccode_make(k->code,
	    (enum reccode_kind)(RECCODE_SHEET_1 + k->number - 1), &code);
	buf_put_str(out, "<div class=\"code\"><div class=\"groups\">");
	for (unsigned i = 0; i < RECCODE_GROUPS; i++)
		buf_printf(out, "<div><b>%.4s</b><span>%u</span></div>",
		    buf_text(&code) + (size_t)(group * i), i + 1);
	buf_put_str(out, "</div>\n<div class=\"qr\">");
	put_qr(out, buf_text(&code));
	buf_put_str(out, "The same code, to scan</div></div>\n");
	buf_put_str(out,
	    "<p class=\"letters\">28 characters in 7 groups. There is no "
	    "letter I and no letter O, no digit 0 and no digit 1.</p>\n");
	mem_wipe(code.p, code.n);
}

static void
put_words(const struct kit_sheet *k, struct buf *out)
{
	buf_put_str(out,
	    "<section><h2>What this is</h2><p>One of three sheets. <b>Any two "
	    "of them</b> give this account back when no device is left: "
	    "backups, files, keys, all of it. One sheet alone opens nothing "
	    "and tells nothing.</p></section>\n"
	    "<section><h2>Where to keep it</h2><p>Each sheet in another place: "
	    "at home, with somebody you trust, in a safe; no two together. "
	    "Once they are printed, delete the files from the "
	    "computer.</p></section>\n"
	    "<section><h2>How to use it</h2><ol><li>Fetch a second sheet that "
	    "shows the same kit, <b>");
	put_text(out, k->kit);
	buf_put_str(out,
	    "</b>.</li><li>On a new computer install Aumbry, and run "
	    "this, on one line:<pre>aumbry recover \"");
	put_text(out, k->server);
	buf_put_str(out, "\" ");
	const char *at = strchr(k->account, '@');
	OWN(mem_free) char *name = mem_text(k->account);
	if (at != NULL)
		name[at - k->account] = '\0';
	put_text(out, name);
	buf_put_str(out,
	    " --kit</pre>It asks for both codes, and says which group has a "
	    "mistake.</li><li>Wait a day. Until then every device of the "
	    "account is told, and can stop this; nobody gets in "
	    "unseen with sheets that were found or taken.</li><li>Then, on the "
	    "same computer:<pre>aumbry recover --continue</pre>It asks for a "
	    "new password, and this computer is in.</li></ol></section>\n"
	    "<section><h2>If a sheet is lost</h2><p>Make a new kit, and the "
	    "old "
	    "sheets open nothing: <code>aumbry recovery kit rotate</code>.<br>"
	    "To see that two sheets still work: <code>aumbry recovery drill "
	    "--kit</code>.</p></section>\n");
	buf_printf(out,
	    "<footer><span>Sheet %u of %d. Two are needed, which two does not "
	    "matter.</span><span>Kit ",
	    k->number, RECCODE_SHEETS);
	put_text(out, k->kit);
	buf_put_str(out, "</span></footer>\n</body>\n</html>\n");
}

void
kit_sheet_make(const struct kit_sheet *k, struct buf *out)
{
	put_head(k, out);
	put_code(k, out);
	put_words(k, out);
}
