//! The operator's overrides as the pages show them. What cannot be used changes nothing: otherwise
//! a mistake in it would show mirrors as up that no server answers.

use tracing::{info, warn};

use crate::inputs::OverridesReader;
use cvdns_core::health::Overrides;

/// The last overrides that could be used.
#[derive(Debug, Default)]
pub(super) struct LastOverrides {
    /// Where those in `last` were.
    place: Option<String>,
    last: Option<Overrides>,
    /// Why those that are there cannot be used; `None` if they can.
    complaint: Option<String>,
}

/// The overrides of a moment.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) overrides: Overrides,
    /// Whether these are of an earlier moment, because those of now cannot be used.
    pub(super) are_earlier: bool,
}

impl LastOverrides {
    /// Reads the overrides; `None`: the configuration names none. It may wait for a web server.
    ///
    /// # Errors
    /// When they cannot be used, and never could.
    pub(super) fn read(&mut self, reader: Option<&OverridesReader>) -> Result<Read, String> {
        let Some(reader) = reader else {
            *self = Self::default();
            return Ok(Read { overrides: Overrides::default(), are_earlier: false });
        };
        let place = reader.place();
        if self.place.as_deref() != Some(place) {
            *self = Self { place: Some(place.to_owned()), ..Self::default() };
        }
        match reader.read(self.last.as_ref()) {
            Ok(overrides) => {
                if self.complaint.take().is_some() {
                    info!("the overrides {place} can be used again");
                }
                self.last = Some(overrides.clone());
                Ok(Read { overrides, are_earlier: false })
            }
            Err(error) => {
                let Some(last) = &self.last else {
                    return Err(format!(
                        "the overrides cannot be used, so nobody knows which mirrors clients get: \
                         {error}"
                    ));
                };
                if self.complaint.as_ref() != Some(&error) {
                    warn!(
                        reason = error,
                        "the overrides cannot be used: {error}; pages show the last ones that could"
                    );
                }
                self.complaint = Some(error);
                Ok(Read { overrides: last.clone(), are_earlier: true })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use cvdns_core::problem::Problems;

    /// A reader of what is in the variable that comes with it.
    fn reader(place: &str) -> (OverridesReader, Arc<Mutex<Result<Overrides, String>>>) {
        let there = Arc::new(Mutex::new(Ok(Overrides::default())));
        let read = Arc::clone(&there);
        (OverridesReader::new(place.to_owned(), move || read.lock().unwrap().clone()), there)
    }

    fn drained(serial: u64, host: &str) -> Overrides {
        let text = format!(
            "serial = {serial}\n[[override]]\nhost = \"{host}\"\nstate = \"drained\"\nreason = \"r\"\n"
        );
        Overrides::parse("o", &text, &mut Problems::default())
    }

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        let ((one, there), (other, other_there)) = (reader("one.toml"), reader("other.toml"));
        let mut last = LastOverrides::default();
        let good = drained(1, "a.example");
        for (now, is_good) in [
            (Ok(good.clone()), true),
            (Err("one.toml:1:1: garbage".to_owned()), false),
            (Err("one.toml: it is a directory".to_owned()), false),
            (Ok(good.clone()), true),
        ] {
            *there.lock().unwrap() = now.clone();
            let read = last.read(Some(&one)).unwrap();
            assert_eq!((&read.overrides, read.are_earlier), (&good, !is_good), "{now:?}");
            assert_eq!(last.complaint.is_none(), is_good, "{now:?}");
        }
        // Those of another place say nothing about this one.
        *other_there.lock().unwrap() = Err("other.toml:1: garbage".to_owned());
        let refused = last.read(Some(&other)).unwrap_err();
        assert!(refused.contains("other.toml:1:"), "{refused}");
        assert!(last.read(None).unwrap().overrides == Overrides::default());
    }

    #[test]
    fn older_ones_are_refused_where_there_are_serials() {
        let (plain, there) = reader("https://a.example/o");
        let counting = plain.clone().with_serials();
        let mut last = LastOverrides::default();
        for (serial, host, is_taken) in
            [(7, "a", true), (7, "a", true), (6, "b", false), (7, "b", false), (8, "b", true)]
        {
            *there.lock().unwrap() = Ok(drained(serial, host));
            let read = last.read(Some(&counting)).unwrap();
            assert_eq!(read.are_earlier, !is_taken, "{serial} {host}");
        }
        // A file is what it is.
        *there.lock().unwrap() = Ok(drained(1, "a"));
        assert!(!last.read(Some(&plain)).unwrap().are_earlier);
    }
}
