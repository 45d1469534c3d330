//! The form of an api key.

use super::*;
use crate::auth::api_key::{ApiKeySecret, PREFIX};

#[test]
fn a_new_key_has_the_documented_form_and_reads_back() {
    let key = ApiKeySecret::generate().unwrap();
    let text = key.expose();
    assert_eq!(text.len(), PREFIX.len() + 58);
    assert!(text[4..].bytes().all(|byte| b"0123456789abcdefghjkmnpqrstvwxyz".contains(&byte)));
    assert!(text.ends_with(&key.hint()) && key.hint().len() == 4);
    assert_eq!(ApiKeySecret::parse(text).unwrap().hash(), key.hash());
    assert_ne!(ApiKeySecret::generate().unwrap().hash(), key.hash());
    assert!(ApiKeySecret::is_one(text) && !format!("{key:?}").contains(&text[4..]));
}

#[test]
fn every_single_mistyped_character_is_noticed() {
    let text = ApiKeySecret::generate().unwrap().expose().to_owned();
    for index in PREFIX.len()..text.len() {
        let other = if text.as_bytes()[index] == b'0' { "1" } else { "0" };
        let mut mistyped = text.clone();
        mistyped.replace_range(index..=index, other);
        assert_eq!(refusal(ApiKeySecret::parse(&mistyped)), "The api key is incomplete or mistyped.", "{index}");
    }
}

#[test]
fn what_is_cut_lengthened_or_foreign_is_no_key() {
    let text = ApiKeySecret::generate().unwrap().expose().to_owned();
    let upper = text.to_uppercase();
    let (cut, long, foreign) = (&text[..text.len() - 1], format!("{text}0"), format!("ghp_{}", &text[4..]));
    let accented = format!("gwk_{}é{}", &text[4..55], &text[57..]);
    for other in ["", "gwk_", cut, &long, &foreign, &upper, &accented, "gwk_é"] {
        assert_eq!(refusal(ApiKeySecret::parse(other)), "The api key is incomplete or mistyped.", "{other}");
    }
}
