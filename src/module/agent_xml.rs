//! The XML in which resource agents and fence agents describe themselves. They share a format, not a meaning: what is
//! made of it is in [`super::ocf`] and [`super::fence`].

use roxmltree::{Document, Node, ParsingOptions};

/// What an agent tells of each of its parameters and actions.
pub(super) struct Described<P, A> {
    pub parameters: Vec<P>,
    pub actions: Vec<A>,
}

/// No agent needs so many; a program that prints without end is no agent.
const MOST_NODES: u32 = 100_000;

/// What the text describes, each element by its name.
///
/// # Errors
/// It is no XML, and where that shows; or it describes no agent.
pub(super) fn described<P, A>(
    text: &str,
    parameter: impl Fn(&str, Node<'_, '_>) -> P,
    action: impl Fn(&str, Node<'_, '_>) -> A,
) -> Result<Described<P, A>, String> {
    let document = document(text)?;
    let root = document.root_element();
    let parameters = named(root, "parameter").map(|(name, node)| parameter(name, node)).collect();
    let actions: Vec<A> = named(root, "action").map(|(name, node)| action(name, node)).collect();
    if actions.is_empty() {
        return Err("it describes no action".to_owned());
    }
    Ok(Described { parameters, actions })
}

/// The document, without what stands in front of it: some agents print a warning first.
fn document(text: &str) -> Result<Document<'_>, String> {
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
