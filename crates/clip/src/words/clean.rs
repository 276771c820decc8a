//! Cleaning of texts as open_clip does it before tokenizing.
//!
//! open_clip calls ftfy's `fix_text`, unescapes HTML twice and normalises white space. Of ftfy, this implements what
//! repairs single characters: quotes, ligatures, width, line breaks, control characters, entities, composition. Repairing
//! wrongly decoded text (mojibake such as "cafÃ©") is left out on purpose: it needs a statistical model of bad text, and
//! prompts are typed, not scraped. There are two more, rare differences: consecutive combining marks that are newer than
//! the tables of the `tokenizers` crate keep their order, and U+0345 on its own does not count as a letter.

use serde::Deserialize;
use tokenizers::normalizers::unicode::{NFC, NFKC};
use tokenizers::{NormalizedString, Normalizer};

/// How a text is cleaned after `fix_text`, by open_clip's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Clean {
    /// White space is normalised.
    Whitespace,
    /// Also converted to lower case.
    Lower,
    /// Also without punctuation.
    Canonicalize,
}

impl Clean {
    pub(crate) fn apply(self, text: &str) -> String {
        let text = fixed(text);
        let text = unescaped(&unescaped(&text));
        match self {
            Self::Whitespace => tidy(&text),
            Self::Lower => tidy(&text).to_lowercase(),
            Self::Canonicalize => {
                let kept = text.chars().map(|c| if c == '_' { ' ' } else { c });
                let kept: String = kept.filter(|c| !c.is_ascii_punctuation()).collect();
                tidy(&kept.to_lowercase())
            }
        }
    }
}

/// Python's `html.unescape`, which drops references to control characters.
fn unescaped(text: &str) -> String {
    let is_dropped = |c| {
        matches!(c,
            '\u{1}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{fdd0}'..='\u{fdef}')
    };
    htmlize::unescape(text).replace(is_dropped, "")
}

fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// ftfy's `fix_text`, line by line, without its guesses of encodings.
fn fixed(text: &str) -> String {
    // After the first line with a "<" the text may be HTML, in which entities are intended.
    let mut unescape = true;
    let line = |line: &str| {
        unescape &= !line.contains('<');
        let mut text = line.to_owned();
        loop {
            let once = fixed_once(&text, unescape);
            if once == text {
                break text;
            }
            text = once;
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

fn fixed_once(text: &str, unescape: bool) -> String {
    let text = if unescape {
        without_entities(text)
    } else {
        text.to_owned()
    };
    let text = without_terminal_colours(&text);
    let mut fixed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{80}'..='\u{9f}' => fixed.push(windows_1252(c)),
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => fixed.push('\''),
            '\u{201c}'..='\u{201f}' => fixed.push('"'),
            '\u{2028}' | '\u{2029}' => fixed.push('\n'),
            '\u{3000}' | '\u{ff01}'..='\u{ffef}' => fixed.push_str(&normalised(&NFKC, c)),
            c if is_control(c) => {}
            c => match ligature(c) {
                Some(letters) => fixed.push_str(letters),
                None => fixed.push(c),
            },
        }
    }
    normalised(&NFC, fixed.replace("\r\n", "\n").replace('\r', "\n"))
}

fn normalised(form: &impl Normalizer, text: impl ToString) -> String {
    let text = text.to_string();
    let mut normalised = NormalizedString::from(text.as_str());
    match form.normalize(&mut normalised) {
        Ok(()) => normalised.get().to_owned(),
        Err(_) => text,
    }
}

/// A C1 control character is a Windows-1252 character that was read as Latin-1.
fn windows_1252(c: char) -> char {
    const TABLE: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    TABLE[(c as usize - 0x80) % 32]
}

/// Invisible characters that nobody means; white space and joiners stay.
fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

fn ligature(c: char) -> Option<&'static str> {
    Some(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "ʼn",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Replaces character references that end in a semicolon, including those in all capitals.
fn without_entities(text: &str) -> String {
    const LONGEST_NAME: usize = 24;
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let name = rest[1..].strip_prefix('#').unwrap_or(&rest[1..]);
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let end = rest.len() - name.len() + length;
        if (1..=LONGEST_NAME).contains(&length) && rest[end..].starts_with(';') {
            let reference = &rest[..=end];
            result.push_str(&character(reference).unwrap_or_else(|| reference.to_owned()));
            rest = &rest[end + 1..];
        } else {
            result.push('&');
            rest = &rest[1..];
        }
    }
    result + rest
}

/// What a reference stands for, if all of it is one reference.
fn character(reference: &str) -> Option<String> {
    let whole = |reference: &str| {
        let text = htmlize::unescape(reference).into_owned();
        (!text.contains(';') || reference == "&semi;").then_some(text)
    };
    whole(reference).or_else(|| {
        let capitals = !reference.contains(|c: char| c.is_ascii_lowercase());
        let unknown = htmlize::unescape(reference) == reference;
        (capitals && unknown && !reference.starts_with("&#"))
            .then(|| whole(&reference.to_ascii_lowercase()))
            .flatten()
            .map(|text| text.to_uppercase())
    })
}

/// Removes "ESC [ digits letter".
fn without_terminal_colours(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        result.push_str(&rest[..start]);
        let tail = &rest[start + 2..];
        let length = tail
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b';')
            .count();
        if tail[length..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest = &tail[length + 1..];
        } else {
            result.push_str("\u{1b}[");
            rest = tail;
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixes_what_ftfy_fixes() {
        for (text, expected) in [
            ("“It’s”\u{a0}ﬁne", "\"it's\" fine"),
            ("ＬＯＵＤ　ＮＯＩＳＥＳ", "loud noises"),
            ("P&EACUTE;REZ &ldquo;x&rdquo;", "pérez \"x\""),
            ("&amp;amp;amp; &lt;b&gt;", "& <b>"),
            ("<b> &ldquo;", "<b> “"),
            ("\u{1b}[36;44mblue\u{1b}[0m", "blue"),
            ("a\u{200b}b\u{7}c\u{feff}", "a\u{200b}bc"),
            ("cafe\u{301}\r\nΣΑΣ", "café σας"),
            ("this&not that", "this¬ that"),
            ("a&#1b &amp;#27;c", "ab c"),
            ("caf\u{c3}\u{a9}", "cafã©"),
        ] {
            assert_eq!(Clean::Lower.apply(text), expected, "{text:?}");
        }
        assert_eq!(
            Clean::Canonicalize.apply("A cat's_tail, red!"),
            "a cats tail red"
        );
        assert_eq!(Clean::Whitespace.apply("  A  b\n"), "A b");
    }
}
