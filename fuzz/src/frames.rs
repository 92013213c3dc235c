//! Control frames of a dnstap collector.

use cvdns::dnstap::frames::{
    CONTENT_TYPE, ControlFrame, MAX_CONTENT_TYPE, MAX_CONTROL, whole_frames,
};

/// A control frame is read if, and only if, a plain reading by the rules of Frame Streams takes it;
/// what is read can be written again; frames of data are counted as far as they are whole.
pub fn run(input: &[u8]) {
    let (whole, end) = whole_frames(input, input.len());
    assert_eq!((whole, end), counted(input));
    if let Some((head, rest)) = input.split_first_chunk::<8>() {
        let length = ControlFrame::length(*head);
        let plain = u64::from_be_bytes(*head);
        let is_good = (4..=MAX_CONTROL as u64).contains(&plain);
        assert_eq!(length.is_ok(), is_good, "{head:?}");
        if let Some(body) = length.ok().and_then(|length| rest.get(..length)) {
            parse(body);
        }
    }
    parse(input);
}

fn parse(body: &[u8]) {
    let frame = ControlFrame::parse(body);
    let expected = plainly(body);
    match &frame {
        Ok(frame) => {
            assert_eq!(frame.octets()[8..], *body);
            let takes = |types: &Vec<&[u8]>| types.is_empty() || types.contains(&CONTENT_TYPE);
            assert_eq!(Some(frame.takes_dnstap()), expected.as_ref().map(takes));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert_eq!(frame.ok().map(|frame| frame.content_types), expected);
}

/// The content types of a control frame; `None` if it is none.
fn plainly(body: &[u8]) -> Option<Vec<&[u8]>> {
    let word =
        |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?) as usize);
    if !(1..=5).contains(&word(0)?) {
        return None;
    }
    let (mut at, mut types) = (4, Vec::new());
    while at < body.len() {
        let (field, length) = (word(at)?, word(at + 4)?);
        if field != 1 || length > MAX_CONTENT_TYPE {
            return None;
        }
        types.push(body.get(at + 8..at + 8 + length)?);
        at += 8 + length;
    }
    Some(types)
}

/// The frames at the start that are whole, and where they end.
fn counted(octets: &[u8]) -> (u64, usize) {
    let (mut frames, mut at) = (0, 0);
    while let [a, b, c, d, rest @ ..] = &octets[at..] {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if rest.len() < length {
            break;
        }
        (frames, at) = (frames + 1, at + 4 + length);
    }
    (frames, at)
}
