//! A printable invoice: A4, the reads behind each line on it, and the hash of the document that it shows. Text is Helvetica,
//! which every viewer has, in the Windows-1252 characters of the four languages; others are printed as `?`.

mod layout;

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::paper::Paper;
use layout::{Place, Sheet};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const PLAIN: Name<'_> = Name(b"F1");
const BOLD: Name<'_> = Name(b"F2");

/// The paper as PDF; the same paper gives the same bytes.
pub fn render(paper: &Paper) -> Vec<u8> {
    let sheets = layout::sheets(paper);
    let mut next = 1;
    let mut id = || {
        next += 1;
        Ref::new(next - 1)
    };
    let (catalog, tree, plain, bold, info) = (id(), id(), id(), id(), id());
    let pages: Vec<(Ref, Ref)> = sheets.iter().map(|_| (id(), id())).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(pages.iter().map(|(page, _)| *page)).count(count);
    for (font, name) in [(plain, &b"Helvetica"[..]), (bold, &b"Helvetica-Bold"[..])] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for ((page, content), sheet) in pages.iter().zip(&sheets) {
        let mut writer = pdf.page(*page);
        writer.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(*content);
        let mut resources = writer.resources();
        resources.fonts().pair(PLAIN, plain).pair(BOLD, bold);
        resources.finish();
        writer.finish();
        pdf.stream(*content, &drawn(sheet));
    }
    pdf.document_info(info).title(TextStr(&paper.number)).producer(TextStr("Platen"));
    pdf.finish()
}

fn drawn(sheet: &Sheet) -> Vec<u8> {
    let mut content = Content::new();
    for line in &sheet.rules {
        content.set_line_width(0.5);
        content.move_to(line.left, HEIGHT - line.top).line_to(line.right, HEIGHT - line.top).stroke();
    }
    for Place { left, top, size, bold, text } in &sheet.texts {
        content.begin_text();
        content.set_font(if *bold { BOLD } else { PLAIN }, *size);
        content.next_line(*left, HEIGHT - top);
        content.show(Str(text));
        content.end_text();
    }
    content.finish().to_vec()
}
