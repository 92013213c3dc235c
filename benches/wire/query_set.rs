//! Prebuilt queries with what to expect of the answers, and the file that carries them to a load process.

use std::fs;
use std::io;
use std::path::Path;

/// A query before it is put into a deck.
pub struct Asked {
    pub packet: Vec<u8>,
    /// The answer's RCODE.
    pub rcode: u8,
    /// Records that its answer section has at least, 0 or 1.
    pub least: u8,
}

/// Queries in one block, sent round and round.
pub struct Deck {
    bytes: Vec<u8>,
    cards: Vec<Card>,
    turn: usize,
}

/// One query of a deck.
#[derive(Clone, Copy)]
pub struct Card {
    start: u32,
    length: u16,
    pub rcode: u8,
    pub least: u8,
}

impl Deck {
    pub fn new(asked: impl Iterator<Item = Asked>) -> Self {
        let mut deck = Self { bytes: Vec::new(), cards: Vec::new(), turn: 0 };
        asked.for_each(|asked| deck.push(&asked.packet, asked.rcode, asked.least));
        deck
    }

    fn push(&mut self, packet: &[u8], rcode: u8, least: u8) {
        let start = self.bytes.len() as u32;
        self.bytes.extend(packet);
        self.cards.push(Card { start, length: packet.len() as u16, rcode, least });
    }

    /// For each query its length in two octets, RCODE, least and the packet.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = Vec::with_capacity(self.bytes.len() + self.cards.len() * 4);
        for card in &self.cards {
            file.extend(card.length.to_be_bytes());
            file.extend([card.rcode, card.least]);
            file.extend(self.packet(*card));
        }
        fs::write(path, file)
    }

    /// The inverse of [`Deck::write`].
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = fs::read(path)?;
        let mut deck = Self::new(std::iter::empty());
        let mut rest = file.as_slice();
        while let [high, low, rcode, least, after @ ..] = rest {
            let (packet, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            deck.push(packet, *rcode, *least);
            rest = after;
        }
        Ok(deck)
    }

    /// Mean octets of a query.
    pub fn mean_octets(&self) -> f64 {
        self.bytes.len() as f64 / self.cards.len() as f64
    }

    /// Begins somewhere else: two loads of one deck shall not march in step.
    pub fn cut(&mut self, turn: usize) {
        self.turn = turn % self.cards.len();
    }

    /// The next query but `ahead`.
    pub fn card(&self, ahead: usize) -> Card {
        self.cards[(self.turn + ahead) % self.cards.len()]
    }

    pub fn packet(&self, card: Card) -> &[u8] {
        let start = card.start as usize;
        &self.bytes[start..start + usize::from(card.length)]
    }

    pub fn set_id(&mut self, card: Card, id: u16) {
        let start = card.start as usize;
        self.bytes[start..start + 2].copy_from_slice(&id.to_be_bytes());
    }

    /// Goes on behind `count` queries.
    pub fn advance(&mut self, count: usize) {
        self.turn = (self.turn + count) % self.cards.len();
    }
}
