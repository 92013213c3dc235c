//! The fenced blocks of a page: commands with what they print, and parts of configuration files.

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// The language of the info string, such as `console`.
    pub language: String,
    /// The other words of the info string; web pages do not show them.
    pub marks: Vec<String>,
    /// The lines between the fences, without the fences' indentation.
    pub lines: Vec<String>,
}

/// A command and the lines that it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub command: String,
    pub expected: Vec<String>,
}

impl Block {
    pub(super) fn has(&self, mark: &str) -> bool {
        self.marks.iter().any(|known| known == mark)
    }

    /// The commands of a `console` block: `$ ` begins one, a final backslash or a here-document
    /// goes on with the next lines, and what follows is printed.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut lines = self.lines.iter();
        while let Some(line) = lines.next() {
            let Some(first) = line.strip_prefix("$ ") else {
                let step = steps.last_mut().unwrap_or_else(|| panic!("no command before {line}"));
                step.expected.push(line.clone());
                continue;
            };
            let mut command = first.to_owned();
            let ends = first.split_once("<<'").and_then(|(_, rest)| rest.split_once('\''));
            if let Some((word, _)) = ends {
                for line in lines.by_ref() {
                    command.push('\n');
                    command.push_str(line);
                    if line == word {
                        break;
                    }
                }
            }
            while command.ends_with('\\') {
                command.push('\n');
                command.push_str(lines.next().expect("a line after the backslash"));
            }
            steps.push(Step { command, expected: Vec::new() });
        }
        for step in &mut steps {
            // Empty lines part commands for the reader.
            while step.expected.last().is_some_and(String::is_empty) {
                step.expected.pop();
            }
        }
        steps
    }
}

/// The blocks of a page.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let mut words = info.split_whitespace().map(str::to_owned);
        let language = words.next().unwrap_or_default();
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let lines = inside.map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
        blocks.push(Block { language, marks: words.collect(), lines });
    }
    blocks
}

/// Whether `printed` is what the page says. `…` stands for any text, on a line of its own for any
/// lines. Address records rotate (RFC 1794), so lines that differ in their last word alone may come
/// in any order.
pub(super) fn matches(expected: &[String], printed: &[String]) -> bool {
    let expected = sorted_records(expected);
    let printed = sorted_records(printed);
    lines_match(&expected, &printed)
}

fn lines_match(expected: &[String], printed: &[String]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any.trim() == "…" => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        (Some((one, rest)), Some((line, others))) => {
            line_matches(one.trim_end(), line.trim_end()) && lines_match(rest, others)
        }
        _ => false,
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    match expected.split_once('…') {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

/// Sorts each run of address records.
fn sorted_records(lines: &[String]) -> Vec<String> {
    let key = |line: &String| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.pop();
        (matches!(words.last(), Some(&("A" | "AAAA")))).then(|| words.join(" "))
    };
    let mut lines = lines.to_vec();
    let same = |one: &String, other: &String| key(one).is_some() && key(one) == key(other);
    for run in lines.chunk_by_mut(same) {
        run.sort();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn blocks_have_commands_and_output() {
        let page = "text\n   ```console background\n   $ one \\\n     more\n   out\n\n   $ cat <<'EOF' >f\n   a\n   EOF\n   ```\nrest\n";
        let blocks = blocks(page);
        assert_eq!((blocks.len(), blocks[0].language.as_str()), (1, "console"));
        assert!(blocks[0].has("background"));
        let steps = blocks[0].steps();
        assert_eq!(
            steps[0],
            Step { command: "one \\\n  more".into(), expected: vec!["out".into()] }
        );
        assert_eq!(steps[1], Step { command: "cat <<'EOF' >f\na\nEOF".into(), expected: vec![] });
    }

    #[test]
    fn output_must_be_that_of_the_page() {
        let same = |expected: &str, printed: &str| matches(&lines(expected), &lines(printed));
        assert!(same("a … c", "a b c") && !same("a … c", "a b d") && !same("a", "a\nb"));
        assert!(same("a\n…\nz", "a\nz") && same("…", "") && !same("a\n…\nz", "a\nb"));
        assert!(same("x IN A 1\nx IN A 2", "x IN A 2\nx IN A 1"));
        assert!(!same("x IN A 1\nx IN A 2", "x IN A 2\nx IN A 2") && !same("", "a"));
    }
}
