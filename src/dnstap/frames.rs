//! The frames of Frame Streams (<https://farsightsec.github.io/fstrm/>), by which dnstap messages are
//! told apart. A frame is its length in four octets, the highest first, and as many octets. The
//! length 0 begins a control frame, by which both ends agree on what the stream has.

use std::fmt;

/// What the stream has, as control frames call it.
pub const CONTENT_TYPE: &[u8] = b"protobuf:dnstap.Dnstap";

/// Octets of the head of a control frame: the length 0, and the length of what follows.
pub const CONTROL_HEAD: usize = 8;

/// Most octets of a control frame behind its head (`FSTRM_CONTROL_FRAME_LENGTH_MAX` of fstrm).
pub const MAX_CONTROL: usize = 512;

/// Most octets of a content type (`FSTRM_CONTROL_FIELD_CONTENT_TYPE_LENGTH_MAX` of fstrm).
pub const MAX_CONTENT_TYPE: usize = 256;

/// The field of a control frame that has a content type.
const FIELD_CONTENT_TYPE: u32 = 1;

/// A control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFrame<'f> {
    /// What it says.
    pub kind: ControlKind,
    /// The content types that it names.
    pub content_types: Vec<&'f [u8]>,
}

/// What a control frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// The reader takes these content types.
    Accept,
    /// The writer begins with data.
    Start,
    /// The writer has no more data.
    Stop,
    /// The writer has these content types.
    Ready,
    /// The reader has all data.
    Finish,
}

/// What is wrong with what should be a control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// There is a frame with data of this length instead.
    Data(u32),
    /// A length that no control frame has.
    Length(u32),
    /// A control frame of an unknown kind.
    Kind(u32),
    /// A control frame whose fields are not what they should be.
    Fields,
}

impl ControlKind {
    const ALL: [Self; 5] = [Self::Accept, Self::Start, Self::Stop, Self::Ready, Self::Finish];

    /// The number by which a frame says it.
    pub fn number(self) -> u32 {
        match self {
            Self::Accept => 1,
            Self::Start => 2,
            Self::Stop => 3,
            Self::Ready => 4,
            Self::Finish => 5,
        }
    }
}

impl<'f> ControlFrame<'f> {
    /// A frame that names dnstap as the content type.
    pub fn of_dnstap(kind: ControlKind) -> Self {
        Self { kind, content_types: vec![CONTENT_TYPE] }
    }

    /// A frame without a content type.
    pub fn bare(kind: ControlKind) -> Self {
        Self { kind, content_types: Vec::new() }
    }

    /// The frame with its head.
    pub fn octets(&self) -> Vec<u8> {
        let mut body = self.kind.number().to_be_bytes().to_vec();
        for content_type in &self.content_types {
            body.extend_from_slice(&FIELD_CONTENT_TYPE.to_be_bytes());
            body.extend_from_slice(&(content_type.len() as u32).to_be_bytes());
            body.extend_from_slice(content_type);
        }
        let mut octets = vec![0; 4];
        octets.extend_from_slice(&(body.len() as u32).to_be_bytes());
        octets.append(&mut body);
        octets
    }

    /// The number of octets behind the head of a control frame.
    ///
    /// # Errors
    /// If it is not the head of a control frame of at most [`MAX_CONTROL`] octets.
    pub fn length(head: [u8; CONTROL_HEAD]) -> Result<usize, FrameError> {
        let [a, b, c, d, length @ ..] = head;
        let data = u32::from_be_bytes([a, b, c, d]);
        if data != 0 {
            return Err(FrameError::Data(data));
        }
        let length = u32::from_be_bytes(length);
        match length as usize {
            octets @ 4..=MAX_CONTROL => Ok(octets),
            _ => Err(FrameError::Length(length)),
        }
    }

    /// Reads what is behind the head.
    ///
    /// # Errors
    /// If the octets are not exactly one control frame.
    pub fn parse(octets: &'f [u8]) -> Result<Self, FrameError> {
        let (number, mut rest) = number(octets).ok_or(FrameError::Fields)?;
        let kind = ControlKind::ALL.into_iter().find(|kind| kind.number() == number);
        let kind = kind.ok_or(FrameError::Kind(number))?;
        let mut content_types = Vec::new();
        while !rest.is_empty() {
            let (content_type, after) = content_type(rest).ok_or(FrameError::Fields)?;
            content_types.push(content_type);
            rest = after;
        }
        Ok(Self { kind, content_types })
    }

    /// Whether whoever sent this frame takes dnstap. Without a content type, anything is taken.
    pub fn takes_dnstap(&self) -> bool {
        self.content_types.is_empty() || self.content_types.contains(&CONTENT_TYPE)
    }
}

/// The number at the start, and what follows.
fn number(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = octets.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// The field at the start if it is a content type, the only one that there is, and what follows.
fn content_type(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (FIELD_CONTENT_TYPE, rest) = number(octets)? else { return None };
    let (length, rest) = number(rest)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_CONTENT_TYPE)?;
    rest.split_at_checked(length)
}

/// How many frames are whole within the first `length` octets, and how many octets these take.
pub fn whole_frames(octets: &[u8], length: usize) -> (u64, usize) {
    let (mut frames, mut end) = (0, 0);
    let octets = octets.get(..length).unwrap_or(octets);
    while let Some((frame, _)) = octets.get(end..).and_then(number)
        && let Some(next) = usize::try_from(frame).ok().and_then(|frame| frame.checked_add(end + 4))
        && next <= octets.len()
    {
        (frames, end) = (frames + 1, next);
    }
    (frames, end)
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(length) => {
                write!(f, "it sends {length} octets of data where a control frame was expected")
            }
            Self::Length(length) => {
                write!(f, "it sends a control frame of {length} octets, not of 4 to {MAX_CONTROL}")
            }
            Self::Kind(kind) => write!(f, "it sends a control frame of the unknown kind {kind}"),
            Self::Fields => f.write_str("it sends a control frame with malformed fields"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// READY and START as fstrm writes them.
    #[test]
    fn frames_are_those_of_fstrm() {
        let start = [
            &[0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 22][..],
            b"protobuf:dnstap.Dnstap",
        ];
        assert_eq!(ControlFrame::of_dnstap(ControlKind::Start).octets(), start.concat());
        let stop = [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3];
        assert_eq!(ControlFrame::bare(ControlKind::Stop).octets(), stop);
    }

    #[test]
    fn malformed_frames_are_refused() {
        for (octets, expected) in [
            (&b""[..], FrameError::Fields),
            (b"\0\0\0", FrameError::Fields),
            (b"\0\0\0\x06", FrameError::Kind(6)),
            (b"\xff\xff\xff\xff", FrameError::Kind(u32::MAX)),
            (b"\0\0\0\x01\0", FrameError::Fields),
            (b"\0\0\0\x01\0\0\0\x02\0\0\0\0", FrameError::Fields),
            (b"\0\0\0\x01\0\0\0\x01\0\0\0\x02x", FrameError::Fields),
            (b"\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff", FrameError::Fields),
        ] {
            assert_eq!(ControlFrame::parse(octets), Err(expected), "{octets:?}");
        }
        for (head, expected) in [
            ([0, 0, 0, 1, 0, 0, 0, 4], Err(FrameError::Data(1))),
            ([0, 0, 0, 0, 0, 0, 0, 3], Err(FrameError::Length(3))),
            ([0, 0, 0, 0, 0, 0, 2, 1], Err(FrameError::Length(513))),
            ([0, 0, 0, 0, 255, 255, 255, 255], Err(FrameError::Length(u32::MAX))),
            ([0, 0, 0, 0, 0, 0, 2, 0], Ok(512)),
        ] {
            assert_eq!(ControlFrame::length(head), expected);
        }
    }

    #[test]
    fn other_content_types_are_told_from_dnstap() {
        let frame = |content_types| ControlFrame { kind: ControlKind::Accept, content_types };
        assert!(frame(vec![]).takes_dnstap());
        assert!(frame(vec![b"other", CONTENT_TYPE]).takes_dnstap());
        assert!(!frame(vec![b"other"]).takes_dnstap());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(kind in 0usize..5, types in vec(vec(any::<u8>(), 0..=20), 0..4)) {
            let content_types = types.iter().map(Vec::as_slice).collect();
            let frame = ControlFrame { kind: ControlKind::ALL[kind], content_types };
            let octets = frame.octets();
            let (head, body) = octets.split_first_chunk().unwrap();
            prop_assert_eq!(ControlFrame::length(*head), Ok(body.len()));
            prop_assert_eq!(ControlFrame::parse(body), Ok(frame));
        }

        #[test]
        fn frames_are_counted_as_far_as_they_are_whole(lengths in vec(0usize..40, 0..8), cut in 0usize..400) {
            let mut octets = Vec::new();
            let mut ends = vec![0];
            for length in lengths {
                octets.extend_from_slice(&(length as u32).to_be_bytes());
                octets.extend(vec![255; length]);
                ends.push(octets.len());
            }
            let cut = cut.min(octets.len());
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            prop_assert_eq!(whole_frames(&octets, cut), (whole as u64, ends[whole]));
        }
    }
}
