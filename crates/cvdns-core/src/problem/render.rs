//! Problems for terminals, with the offending line underlined.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::lines::Excerpt;
use super::printable::{is_control, printable, printable_lines};
use super::{Lines, Problem, Severity};

/// Renders a problem: what is wrong, `file:line:column`, the line itself and the help, with colours
/// if `colour` is set.
pub fn render(problem: &Problem, colour: bool) -> String {
    render_in(problem, &mut Lines::default(), colour)
}

/// Renders one of many problems, which share `lines`.
pub fn render_in(problem: &Problem, lines: &mut Lines, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (what, path) = (printable(&problem.what), printable(problem.location.file_name()));
    let help = printable_lines(&problem.help);
    let excerpt = lines.excerpt(&problem.location).map(|excerpt| (inert(excerpt.lines), excerpt));
    let mut group = match &excerpt {
        Some((lines, Excerpt { line, span, .. })) => level.primary_title(&*what).element(
            Snippet::source(lines)
                .line_start(*line)
                .path(&*path)
                .annotation(AnnotationKind::Primary.span(span.clone())),
        ),
        None => level.primary_title(&*what).element(annotate_snippets::Origin::path(&*path)),
    };
    if !help.is_empty() {
        group = group.element(Level::HELP.message(&*help));
    }
    renderer.render(&[group]).clone()
}

/// Lines of a file in which every control character is replaced by a harmless one of the same
/// length: the renderer places underlines by octets. It replaces those of one octet itself
/// (U+2400).
fn inert(lines: &str) -> String {
    let shown = |character: char| match character.len_utf8() {
        2 if is_control(character) => '\u{a4}',
        3 if is_control(character) => char::REPLACEMENT_CHARACTER,
        _ => character,
    };
    lines.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Location, Problems};

    #[test]
    fn control_characters_of_a_file_are_not_printed() {
        let text = "host = \"a\u{1b}[2J\u{9b}\u{202e}\u{2028}\u{7f}b\"";
        let mut problems = Problems::default();
        let location = Location::at(&"a\u{1b}.toml".into(), &text.into(), 7..text.len());
        problems.error(location, "a\u{1b}[31m host", "write\u{9b} another");
        for problem in problems.iter() {
            let shown = render(problem, false);
            assert!(
                !shown.contains(|character| character != '\n' && is_control(character)),
                "{shown:?}"
            );
            assert!(
                shown.contains("a\\u001b[31m host") && shown.contains("write\\u009b another"),
                "{shown}"
            );
        }
    }
}
