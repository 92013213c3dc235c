//! Problems as a person reads them: the offending line, underlined.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::spot::Excerpt;
use super::{Problem, Severity};

/// Draws one problem: what, `file:line:column`, the line itself and the help; `colour` for a terminal.
pub fn render(problem: &Problem, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = match problem.spot.excerpt() {
        Some(Excerpt { lines, line, span }) => level.primary_title(problem.what.as_str()).element(
            Snippet::source(lines)
                .line_start(line)
                .path(problem.spot.file_name())
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        None => level
            .primary_title(problem.what.as_str())
            .element(annotate_snippets::Origin::path(problem.spot.file_name())),
    };
    if !problem.help.is_empty() {
        group = group.element(Level::HELP.message(problem.help.as_str()));
    }
    renderer.render(&[group]).clone()
}
