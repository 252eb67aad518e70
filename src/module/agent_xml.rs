//! The XML in which resource agents and fence agents describe themselves. They share a format, not a meaning: what is
//! made of it is in [`super::ocf`] and [`super::fence`].

use roxmltree::{Document, Node, ParsingOptions};

/// No agent needs so many; a program that prints without end is no agent.
const MOST_NODES: u32 = 100_000;

/// The document, without what stands in front of it: some agents print a warning first.
///
/// # Errors
/// It is no XML, and where that shows.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let start = text.find("<?xml").or_else(|| text.find("<resource-agent")).unwrap_or(0);
    let text = text[start..].trim();
    if text.is_empty() {
        return Err("it says nothing".to_owned());
    }
    let options = ParsingOptions { allow_dtd: true, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| format!("what it prints is no XML: {error}"))
}

/// All elements of this tag below `node` that have a name.
pub(super) fn named<'a, 'input>(
    node: Node<'a, 'input>,
    tag: &'static str,
) -> impl Iterator<Item = (&'a str, Node<'a, 'input>)> {
    let all = node.descendants().filter(move |element| element.has_tag_name(tag));
    all.filter_map(|element| Some((element.attribute("name")?, element)))
}
