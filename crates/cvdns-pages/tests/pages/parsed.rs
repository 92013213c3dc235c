//! What parsers make of a document.

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// An HTML document.
pub(crate) struct Html {
    /// What is wrong, by a parser that works as those of browsers.
    pub(crate) errors: Vec<String>,
    /// The elements in order, with the names of their attributes.
    pub(crate) elements: Vec<String>,
    /// The values of the attributes `href`, `src` and `id`, with their names.
    pub(crate) attributes: Vec<(String, String)>,
}

/// Parses an HTML document.
pub(crate) fn html(text: &str) -> Html {
    let mut options = ParseOpts::default();
    options.tokenizer.exact_errors = true;
    options.tree_builder.exact_errors = true;
    let dom = parse_document(RcDom::default(), options).one(text);
    let errors = dom.errors.borrow().iter().map(ToString::to_string).collect();
    let mut found = Html { errors, elements: Vec::new(), attributes: Vec::new() };
    walk(&dom.document, &mut found);
    found
}

fn walk(node: &Handle, found: &mut Html) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let mut names = Vec::new();
        for attribute in attrs.borrow().iter() {
            let name = attribute.name.local.to_string();
            if ["href", "src", "id"].contains(&name.as_str()) {
                found.attributes.push((name.clone(), attribute.value.to_string()));
            }
            names.push(name);
        }
        found.elements.push(format!("{} {}", name.local, names.join(" ")));
    }
    if let NodeData::Comment { contents } = &node.data {
        found.elements.push(format!("comment {contents}"));
    }
    for child in node.children.borrow().iter() {
        walk(child, found);
    }
}

/// The elements of an XML document, with the names of their attributes.
pub(crate) fn xml(text: &str) -> Result<Vec<String>, String> {
    let document = roxmltree::Document::parse(text).map_err(|error| error.to_string())?;
    let elements = document.descendants().filter(|node| !node.is_text());
    Ok(elements
        .map(|node| {
            let names: Vec<&str> = node.attributes().map(|attribute| attribute.name()).collect();
            format!("{} {}", node.tag_name().name(), names.join(" "))
        })
        .collect())
}
