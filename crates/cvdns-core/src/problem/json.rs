//! Reads JSON more strictly than serde does.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// Reads a JSON object into a map. A repeated key is an error; serde would take its last value.
///
/// # Errors
/// When the JSON is wrong or a key is repeated.
pub fn strict_map<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Debug + Clone,
    V: Deserialize<'de>,
{
    struct Strict<K, V>(PhantomData<(K, V)>);
    impl<'de, K, V> Visitor<'de> for Strict<K, V>
    where
        K: Deserialize<'de> + Ord + fmt::Debug + Clone,
        V: Deserialize<'de>,
    {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some(key) = access.next_key::<K>()? {
                let value = access.next_value()?;
                if map.insert(key.clone(), value).is_some() {
                    return Err(A::Error::custom(format!("{key:?} is given twice")));
                }
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Strict(PhantomData))
}
