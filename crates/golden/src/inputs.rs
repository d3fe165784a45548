//! The inputs of a form: every edge beside every edge where that is affordable, and random ones. They depend on the
//! sources' kinds alone, so that forms share them and may come and go.

use crate::form::{BLOCK, Form, Source};
use crate::random::Random;

/// All pairs of edges are tried up to this many; beyond it, a sample of them.
const MOST_PAIRS: usize = 1300;

/// The values of each source: `cases × registers` elements, little-endian.
pub fn inputs(form: &Form) -> (usize, Vec<Vec<u8>>) {
    let rows = rows(form);
    let cases = rows.len();
    let columns = form.sources.iter().enumerate().map(|(column, source)| {
        let bytes = source.kind.width().bytes();
        let values = rows.iter().flat_map(|row| &row[column]);
        values.flat_map(|value| value.to_le_bytes()[..bytes].to_vec()).collect()
    });
    let columns = columns.collect();
    (cases, columns)
}

/// One case a row; in it, one list of registers a source.
fn rows(form: &Form) -> Vec<Vec<Vec<u64>>> {
    let mut random = Random::named(&format!("{:?}", form.sources));
    let mut edges: Vec<Vec<u64>> = form.sources.iter().map(|source| source.kind.edges()).collect();
    if let [values] = &mut edges[..] {
        values.extend(form.sources[0].kind.limits());
    }
    let mut rows = Vec::new();
    let single = form.sources.iter().all(|source| source.registers == 1);
    let product: usize = edges.iter().map(|list| list.len().max(1)).product();
    if single && product <= MOST_PAIRS {
        for index in 0..product {
            let mut rest = index;
            rows.push(
                form.sources
                    .iter()
                    .zip(&edges)
                    .map(|(source, list)| {
                        let index = rest % list.len().max(1);
                        rest /= list.len().max(1);
                        vec![list.get(index).copied().unwrap_or_else(|| source.kind.random(&mut random))]
                    })
                    .collect(),
            );
        }
    } else if single {
        for _ in 0..if edges.len() > 2 { 288 } else { 512 } {
            let row = form.sources.iter().zip(&edges).map(|(source, list)| {
                vec![if list.is_empty() || random.below(6) == 0 {
                    source.kind.random(&mut random)
                } else {
                    list[random.below(list.len() as u64) as usize]
                }]
            });
            rows.push(row.collect::<Vec<_>>());
        }
    }
    let wanted = if form.cases > 0 { form.cases } else { (rows.len() + 128).max(256) };
    rows.truncate(wanted);
    while rows.len() < wanted || rows.len() % BLOCK != 0 {
        rows.push(random_row(&form.sources, rows.len(), &mut random));
    }
    rows
}

fn random_row(sources: &[Source], row: usize, random: &mut Random) -> Vec<Vec<u64>> {
    let value = |source: &Source, random: &mut Random| {
        if source.kind == crate::kind::Kind::WarpFew {
            // The same for all of a warp.
            return source.kind.random(&mut Random::named(&format!("warp {}", row / 32)));
        }
        source.kind.random(random)
    };
    sources.iter().map(|source| (0..source.registers).map(|_| value(source, random)).collect()).collect()
}
