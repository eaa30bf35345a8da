//! A few strokes over quick-xml: elements with text, nested in the order in which they are written.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An XML document being written.
pub(super) struct Xml {
    out: Writer<Vec<u8>>,
    open: Vec<String>,
}

impl Xml {
    /// Begins with the declaration and the root.
    pub(super) fn new(root: &str, attributes: &[(&str, &str)]) -> io::Result<Xml> {
        let mut xml = Xml { out: Writer::new_with_indent(Vec::new(), b' ', 2), open: Vec::new() };
        xml.out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.open_with(root, attributes)?;
        Ok(xml)
    }

    pub(super) fn open(&mut self, name: &str) -> io::Result<()> {
        self.open_with(name, &[])
    }

    fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        let mut start = BytesStart::new(name.to_owned());
        attributes.iter().for_each(|attribute| start.push_attribute(*attribute));
        self.out.write_event(Event::Start(start))?;
        self.open.push(name.to_owned());
        Ok(())
    }

    /// Closes what was opened last.
    pub(super) fn close(&mut self) -> io::Result<()> {
        match self.open.pop() {
            Some(name) => self.out.write_event(Event::End(BytesEnd::new(name))),
            None => Ok(()),
        }
    }

    /// An element with text. What XML cannot hold at all becomes a replacement character.
    pub(super) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.text_with(name, &[], text)
    }

    pub(super) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        let plain = crate::report::plain(text);
        let mut start = BytesStart::new(name.to_owned());
        attributes.iter().for_each(|attribute| start.push_attribute(*attribute));
        self.out.write_event(Event::Start(start))?;
        self.out.write_event(Event::Text(BytesText::new(&plain)))?;
        self.out.write_event(Event::End(BytesEnd::new(name.to_owned())))
    }

    /// The same, unless there is nothing to say.
    pub(super) fn text_if(&mut self, name: &str, text: &str) -> io::Result<()> {
        if text.is_empty() { Ok(()) } else { self.text(name, text) }
    }

    /// Closes everything.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        while !self.open.is_empty() {
            self.close()?;
        }
        let mut bytes = self.out.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }
}
