//! The keys that servers share to sign messages.

mod algorithm;
mod file;
mod key;
mod lexer;
mod ring;

pub use algorithm::Algorithm;
pub use key::Key;
pub use ring::Keyring;
