//! What the pages of a running server share.

/// A part of a state or of an explanation.
#[derive(Debug, Clone)]
pub struct Fact {
    /// What it is about, in a word.
    pub label: String,
    /// What is to be said, a line each.
    pub lines: Vec<String>,
}

/// A field of a form.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// What was typed.
    pub value: String,
    /// What is wrong with it; `None` if nothing is.
    pub error: Option<String>,
}
