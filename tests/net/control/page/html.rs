//! What a reader sees of HTML: its text, without tags. A plain reader of what the pages write, not
//! of any HTML.

/// The text of a piece of HTML. Each element ends a word, and blanks are one space.
pub(super) fn text(html: &str) -> String {
    let mut out = String::new();
    for piece in html.split('<') {
        let shown = piece.split_once('>').map_or(piece, |(_, shown)| shown);
        out.push_str(&unescaped(shown));
        out.push(' ');
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    // An element in front of a colon does not part it from its word.
    words.join(" ").replace(" : ", ": ")
}

/// The text of each element that begins so and ends with this tag.
pub(super) fn all(html: &str, begin: &str, end: &str) -> Vec<String> {
    html.split(begin)
        .skip(1)
        .map(|rest| text(rest.split(end).next().expect("a part").trim_start_matches('>')))
        .collect()
}

/// The piece between two words.
pub(super) fn between<'h>(html: &'h str, begin: &str, end: &str) -> &'h str {
    let rest = html.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {html}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} behind {begin}")).0
}

/// Text with its character references replaced (HTML, section 13.5, as far as pages use them).
pub(super) fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').expect("a reference ends");
        let number = name.strip_prefix('#').map(|number| number.parse().expect("a number"));
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            _ => number.and_then(char::from_u32).expect("a character"),
        });
        out.push_str(rest);
    }
    out
}

/// Ages, which differ from one second to the next, as `~`; numbers' own spaces as commas.
pub(super) fn ageless(text: &str) -> String {
    let is_age = |word: &str| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < word.len() && ["s", "m", "h", "d"].contains(&digits)
    };
    let mut out: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c| "(),;:".contains(c));
        let word = if is_age(bare) { "~" } else { word };
        if word != "~" || out.last() != Some(&"~") {
            out.push(word);
        }
    }
    out.join(" ")
}
