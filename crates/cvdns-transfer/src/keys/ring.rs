//! All keys of a server.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;

use super::Key;
use super::file;

/// The keys of a server, by name.
#[derive(Debug, Clone, Default)]
pub struct Keyring(HashMap<Name, Arc<Key>>);

impl Keyring {
    /// Adds the keys of a file as `tsig-keygen` writes it. Everything wrong in it is reported;
    /// no report shows a secret.
    pub fn read(&mut self, file: &str, text: &str, problems: &mut Problems) {
        for (key, location) in file::parse(file, text, problems) {
            self.add(key, location, problems);
        }
    }

    fn add(&mut self, key: Key, location: Location, problems: &mut Problems) {
        let name = key.name().clone();
        match self.0.entry(name) {
            Entry::Occupied(entry) => {
                let what = format!("the key {} is defined twice", entry.key());
                problems.error(location, what, "keep one: a name means one key");
            }
            Entry::Vacant(entry) => {
                entry.insert(Arc::new(key));
            }
        }
    }

    /// The key of this name, whatever the case of its letters.
    pub fn get(&self, name: &Name) -> Option<&Arc<Key>> {
        self.0.get(name)
    }

    /// The names of all keys, sorted as texts.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Key> for Keyring {
    /// Of keys with the same name, the last one counts.
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key.name().clone(), Arc::new(key))).collect())
    }
}
