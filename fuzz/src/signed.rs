//! Signed requests.

use cvdns_core::wire::name::Name;
use cvdns_transfer::tsig::{Exchange, Received, receive};
use cvdns_transfer::{Algorithm, Key, Keyring, Request};
use hickory_proto::op::Message;

use super::octets::Octets;

/// The moment of everything.
const NOW: u64 = 1_795_000_000;

/// A message is signed, an octet of it is changed, and it is read: it is refused, or it says what
/// it said. Nothing that was not signed is taken for signed, and refusals are well formed.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let (algorithm, change, at, by) = (octets.u8(), octets.u8(), octets.u16(), octets.u8());
    let message = octets.slice(2_000).to_vec();
    let algorithm = Algorithm::ALL[usize::from(algorithm) % 3];
    let name = Name::parse("transfer", &Name::root()).unwrap();
    let key = Key::new(&name, algorithm, &[7; 32]);
    let keys: Keyring = [key.clone()].into_iter().collect();
    judge(&keys, &message, None);
    let mut signed = message.clone();
    // Only a whole message can be signed.
    if Message::from_vec(&message).is_err()
        || Exchange::begin(key.into(), &mut signed, NOW).is_none()
    {
        return;
    }
    if change & 1 == 1 {
        let at = usize::from(at) % signed.len();
        signed[at] ^= by;
    }
    judge(&keys, &signed, Some(&message));
}

/// `plain` is what was signed, if anything was.
fn judge(keys: &Keyring, message: &[u8], plain: Option<&[u8]>) {
    let mut request = message.to_vec();
    match receive(keys, &mut request, NOW) {
        Received::Unsigned => assert_eq!(request, message),
        Received::Signed(mut signer) => {
            let plain = plain.expect("a signature of nobody");
            // Letters of the key may change their case, and the ID on the way.
            assert_eq!(request, plain);
            let _ = Request::read(&request);
            let room = signer.room();
            let mut answer = request.clone();
            if signer.sign(&mut answer, NOW).is_some() {
                assert_eq!(answer.len(), request.len() + room);
            }
        }
        Received::Refused(refusal) => {
            if let Some(answer) = refusal.answer(message, 1232) {
                let answer = Message::from_vec(&answer).expect("well formed");
                assert_eq!(answer.metadata.id.to_be_bytes(), message[..2]);
            }
        }
    }
}
