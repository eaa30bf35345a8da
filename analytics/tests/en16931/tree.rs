//! A small tree of XML, enough to ask for paths.

use quick_xml::Reader;
use quick_xml::events::Event;

#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn parse(bytes: &[u8]) -> Element {
        let mut reader = Reader::from_reader(bytes);
        reader.config_mut().trim_text(true);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let attributes = start.attributes().map(Result::unwrap);
                    open.push(Element {
                        name: text(start.name().as_ref()),
                        attributes: attributes.map(|of| (text(of.key.as_ref()), text(&of.value))).collect(),
                        ..Element::default()
                    });
                }
                Event::Text(text) => {
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::End(_) => {
                    let closed = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(closed);
                }
                Event::Eof => return open.pop().unwrap().children.pop().unwrap(),
                _ => {}
            }
        }
    }

    /// All elements at a path like `cac:Party/cbc:Name`.
    pub(crate) fn all(&self, path: &str) -> Vec<&Element> {
        path.split('/').fold(vec![self], |found, name| {
            found.iter().flat_map(|of| &of.children).filter(|child| child.name == name).collect()
        })
    }

    /// The text at a path; empty if it is not there.
    pub(crate) fn at(&self, path: &str) -> String {
        self.all(path).first().map(|of| of.text.clone()).unwrap_or_default()
    }

    pub(crate) fn every(&self) -> Vec<&Element> {
        let mut found = vec![self];
        found.extend(self.children.iter().flat_map(Element::every));
        found
    }
}
