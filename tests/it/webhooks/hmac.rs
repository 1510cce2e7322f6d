//! HMAC-SHA256 as RFC 2104 has it, and base64, written here so that the server's own are not checked with themselves.

use sha2::{Digest, Sha256};

const BLOCK: usize = 64;

pub fn sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// RFC 4231, test case 2, and RFC 4648.
#[test]
fn these_are_the_real_ones() {
    let hash = sha256(b"Jefe", b"what do ya want for nothing?");
    let hex = hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(["f", "fo", "foo"].map(|text| base64(text.as_bytes())), ["Zg==", "Zm8=", "Zm9v"]);
}

/// The way back.
pub fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters: Vec<usize> = text.chars().filter_map(|letter| LETTERS.find(letter)).collect();
    let mut bytes = Vec::new();
    for group in letters.chunks(4) {
        let bits = group.iter().fold(0, |bits, value| bits << 6 | value) << (6 * (4 - group.len()));
        let whole = [bits >> 16, bits >> 8, bits].map(|byte| u8::try_from(byte & 0xFF).expect("eight bits"));
        bytes.extend_from_slice(&whole[..group.len() - 1]);
    }
    bytes
}

#[test]
fn base64_leads_back() {
    for text in ["", "f", "fo", "foo", "foob"] {
        assert_eq!(decoded(&base64(text.as_bytes())), text.as_bytes());
    }
}
