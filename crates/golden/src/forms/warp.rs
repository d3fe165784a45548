//! What the lanes of a warp do together (PTX manual, 9.7.9 and 9.7.13).

use crate::form::{Form, Output};
use crate::kind::Kind::{Few, I32, I64, Lane, Predicate, ShflControl};
use crate::kind::Width::{B32, B64};

pub(super) fn add(forms: &mut Vec<Form>) {
    let word = Output::Register(B32);
    for mode in ["up", "down", "bfly", "idx"] {
        let text = format!("shfl.sync.{mode}.b32 d|e, a, b, c, 0xffffffff;");
        forms.push(
            Form::new("shfl", text, &[I32, Lane, ShflControl], B32)
                .outputs(&[word, Output::Predicate])
                .cases(1024),
        );
        let control = if mode == "up" { "0" } else { "0x1f" };
        for count in [1, 2, 5, 16, 31, 32, 40] {
            let text = format!("shfl.sync.{mode}.b32 d|e, a, {count}, {control}, 0xffffffff;");
            forms.push(Form::new("shfl", text, &[I32], B32).outputs(&[word, Output::Predicate]));
        }
        // Half of the lanes, within which the sources stay.
        let text = format!(
            "mov.u32 d, 77; and.b32 t0, lane, 1; setp.eq.u32 p, t0, 0; @p shfl.sync.{mode}.b32 d, a, 2, {control}, 0x55555555;"
        );
        forms.push(Form::new("shfl", text, &[I32], B32));
    }
    let predicate = [Output::Predicate];
    for op in ["all", "any", "uni"] {
        for source in ["a", "!a"] {
            let text = format!("vote.sync.{op}.pred d, {source}, 0xffffffff;");
            forms.push(Form::new("vote", text, &[Predicate], B32).outputs(&predicate));
        }
        // All the same in most warps.
        let text = format!("setp.lt.u32 p, a, 0xffffff00; vote.sync.{op}.pred d, p, 0xffffffff;");
        forms.push(Form::new("vote", text, &[I32], B32).outputs(&predicate));
    }
    for source in ["a", "!a"] {
        let text = format!("vote.sync.ballot.b32 d, {source}, 0xffffffff;");
        forms.push(Form::new("vote", text, &[Predicate], B32));
    }
    let text = "mov.u32 d, 5; setp.lt.u32 p, lane, 11; @p vote.sync.ballot.b32 d, a, 0x7ff;";
    forms.push(Form::new("vote", text, &[Predicate], B32));
    let text = "mov.u32 d, 0; setp.lt.u32 p, lane, 11; @p bra IN; bra OUT; IN: activemask.b32 d; OUT: bar.warp.sync 0xffffffff;";
    forms.push(Form::new("activemask", text, &[I32], B32));
    forms.push(Form::new("activemask", "activemask.b32 d;", &[I32], B32));
    for (name, kind) in [("b32", Few), ("b32", crate::kind::Kind::WarpFew)] {
        forms.push(Form::new(
            "match",
            format!("match.any.sync.{name} d, a, 0xffffffff; // {kind:?}"),
            &[kind],
            B32,
        ));
        let text = format!("match.all.sync.{name} d|e, a, 0xffffffff; // {kind:?}");
        forms.push(Form::new("match", text, &[kind], B32).outputs(&[word, Output::Predicate]));
        let text = format!(
            "cvt.u64.u32 w0, a; shl.b64 w0, w0, 13; match.any.sync.b64 d, w0, 0xffffffff; // {kind:?}"
        );
        forms.push(Form::new("match", text, &[kind], B32));
        let text = format!(
            "cvt.u64.u32 w0, a; shl.b64 w0, w0, 33; match.all.sync.b64 d|e, w0, 0xffffffff; // {kind:?}"
        );
        forms.push(Form::new("match", text, &[kind], B32).outputs(&[word, Output::Predicate]));
    }
    let text =
        "mov.u32 d, 0; and.b32 t0, lane, 1; setp.eq.u32 p, t0, 1; @p match.any.sync.b32 d, a, 0xaaaaaaaa;";
    forms.push(Form::new("match", text, &[Few], B32));
    for (op, name) in [
        ("add", "u32"),
        ("add", "s32"),
        ("min", "u32"),
        ("min", "s32"),
        ("max", "u32"),
        ("max", "s32"),
        ("and", "b32"),
        ("or", "b32"),
        ("xor", "b32"),
    ] {
        forms.push(Form::new("redux", format!("redux.sync.{op}.{name} d, a, 0xffffffff;"), &[I32], B32));
        let text =
            format!("mov.u32 d, 9; setp.gt.u32 p, lane, 20; @p redux.sync.{op}.{name} d, a, 0xffe00000;");
        forms.push(Form::new("redux", text, &[I32], B32));
    }
    forms.push(
        Form::new("elect", "elect.sync d|e, 0xffffffff;", &[I32], B32).outputs(&[word, Output::Predicate]),
    );
    let text = "mov.u32 d, 99; setp.ge.u32 q, lane, 32; setp.gt.u32 p, lane, 6; @p elect.sync d|q, 0xffffff80; selp.u32 e, 1, 0, q;";
    forms.push(Form::new("elect", text, &[I32], B32).outputs(&[word, word]));
    barriers(forms);
    for register in [
        "tid.x",
        "ntid.x",
        "ctaid.x",
        "nctaid.x",
        "laneid",
        "lanemask_eq",
        "lanemask_lt",
        "lanemask_le",
        "lanemask_gt",
        "lanemask_ge",
        "tid.y",
        "tid.z",
        "ntid.y",
        "ntid.z",
        "ctaid.y",
        "nctaid.z",
        "cluster_ctaid.x",
        "cluster_nctaid.x",
        "cluster_ctarank",
        "cluster_nctarank",
        "clusterid.x",
        "nclusterid.x",
        "dynamic_smem_size",
        "total_smem_size",
        "aggr_smem_size",
    ] {
        forms.push(Form::new("special", format!("mov.u32 d, %{register};"), &[I32], B32).cases(256));
    }
    let form = Form::new("special", "mov.pred d, %is_explicit_cluster;", &[I32], B32).cases(256);
    forms.push(form.outputs(&predicate));
    forms.push(
        Form::new("special", "mov.u64 d, %gridid; setp.ne.u64 p, d, 0; selp.u64 d, 1, 0, p;", &[I64], B64)
            .cases(256),
    );
}

fn barriers(forms: &mut Vec<Form>) {
    let predicate = [Output::Predicate];
    for head in ["bar.red", "barrier.cta.red", "barrier.cta.red.aligned", "bar.cta.red", "barrier.red"] {
        forms.push(Form::new("bar", format!("{head}.popc.u32 d, 0, a;"), &[Predicate], B32));
        forms.push(Form::new("bar", format!("{head}.popc.u32 d, 3, 128, !a;"), &[Predicate], B32));
        for op in ["and", "or"] {
            forms.push(
                Form::new("bar", format!("{head}.{op}.pred d, 1, a;"), &[Predicate], B32).outputs(&predicate),
            );
            let text = format!("setp.lt.u32 p, a, 0xffffff00; {head}.{op}.pred d, 15, p;");
            forms.push(Form::new("bar", text, &[I32], B32).outputs(&predicate));
        }
    }
    for barrier in ["bar.sync 0", "barrier.sync 1", "barrier.cta.sync.aligned 2, 128", "bar.cta.sync 4"] {
        let text = format!(
            "mov.u32 t1, shared; shl.b32 t0, tid, 2; add.u32 t0, t0, t1; st.shared.u32 [t0], a; {barrier}; xor.b32 t2, tid, 127; shl.b32 t2, t2, 2; add.u32 t2, t2, t1; ld.shared.u32 d, [t2];"
        );
        forms.push(Form::new("bar", text, &[I32], B32).shared(512));
    }
    // One half of the block arrives, the other half waits for it.
    let text = "mov.u32 d, 3; mov.u32 t1, shared; setp.lt.u32 p, tid, 64; shl.b32 t0, tid, 2; add.u32 t0, t0, t1; @!p bra WAIT; st.shared.u32 [t0], a; bar.arrive 5, 128; bra END; WAIT: bar.sync 5, 128; ld.shared.u32 d, [t0+-256]; END:";
    forms.push(Form::new("bar", text, &[I32], B32).shared(512));
}
