//! Whether JSON paths are well formed and fit together.

use super::names::Refusal;

/// One step of a path: `None` stands for every element of an array.
type Segments = Vec<Option<String>>;

/// Checks a path that leads to one place.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn check_singular(path: &str) -> Result<(), Refusal> {
    if parse(path)?.contains(&None) {
        return Err((
            format!("\"{path}\" may lead to several places"),
            "write a name or an index for *".to_owned(),
        ));
    }
    Ok(())
}

/// Checks a path that may lead to several places.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn check_plural(path: &str) -> Result<(), Refusal> {
    parse(path).map(|_| ())
}

/// Checks that `quantity` lies in the same array element as each item.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn check_beside(quantity: &str, items: &str) -> Result<(), Refusal> {
    let (quantities, items) = (parse(quantity)?, parse(items)?);
    let shared = items.iter().rposition(Option::is_none).map_or(0, |last| last + 1);
    let beside =
        quantities.get(..shared) == Some(&items[..shared]) && !quantities[shared..].contains(&None);
    if beside {
        return Ok(());
    }
    Err((
        format!("\"{quantity}\" does not lie beside the item"),
        "begin it as spec.expected.items begins, up to the last *".to_owned(),
    ))
}

fn parse(path: &str) -> Result<Segments, Refusal> {
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('$').ok_or_else(|| refusal(path))?;
    while !rest.is_empty() {
        let (segment, tail) = segment(rest).ok_or_else(|| refusal(path))?;
        segments.push(segment);
        rest = tail;
    }
    Ok(segments)
}

fn segment(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(tail) = text.strip_prefix(".*").or_else(|| text.strip_prefix("[*]")) {
        return Some((None, tail));
    }
    if let Some(tail) = text.strip_prefix('.') {
        let end = tail.find(['.', '[']).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(end);
        return is_name(name).then(|| (Some(name.to_owned()), tail));
    }
    let inner = text.strip_prefix('[')?;
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, tail) = inner[1..].split_once(quote)?;
        return Some((Some(name.to_owned()), tail.strip_prefix(']')?));
    }
    let (index, tail) = inner.split_once(']')?;
    index.parse::<usize>().ok()?;
    Some((Some(format!("[{index}]")), tail))
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    name.starts_with(starts) && name.chars().all(|c| starts(c) || c.is_ascii_digit())
}

fn refusal(path: &str) -> Refusal {
    (
        format!("\"{path}\" is not a JSON path that Rollcall reads"),
        "write $ followed by .name, ['name'], [0] or [*], such as $.items[*].id".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_names_indices_and_wildcards_pass() {
        for path in ["$", "$.orderId", "$.order.id", "$['order-id']", "$.ids[0]", "$._a1[\"x\"]"] {
            assert_eq!(check_singular(path), Ok(()), "{path}");
        }
        assert_eq!(check_plural("$.lines[*].items.*"), Ok(()));
    }

    #[test]
    fn other_paths_are_refused() {
        for path in ["", "id", "$.", "$..id", "$.a b", "$.order-id", "$.a[", "$[-1]", "$[?@.a]"] {
            assert!(check_plural(path).is_err(), "{path}");
        }
        assert!(check_singular("$.items[*].id").is_err());
    }

    #[test]
    fn a_quantity_lies_beside_its_item() {
        let items = "$.lines[*].items[*].id";
        assert_eq!(check_beside("$.lines[*].items[*].count", items), Ok(()));
        assert_eq!(check_beside("$.lines[*].items.*.a.b", items), Ok(()));
        assert_eq!(check_beside("$.count", "$.item"), Ok(()));
        for elsewhere in ["$.count", "$.lines[*].count", "$.lines[*].items[*].counts[*]"] {
            assert!(check_beside(elsewhere, items).is_err(), "{elsewhere}");
        }
    }
}
