//! Watching shared memory: what is a race, what is none, and what was never written.

mod common;

use common::{Machine, Parameters, settings};
use cuferry_simt::{Fault, FaultKind, Isa, Settings};

/// Runs two warps; `%p1` is true in the second, `%r1` is the thread, `%s` the address of its word of `data`.
fn run(body: &str) -> Result<(), Box<Fault>> {
    let text = format!(
        ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 out) {{
        .reg .pred %p<4>; .reg .b32 %r<12>, %s; .reg .b64 %rd<6>; .reg .f32 %f<3>;
        .shared .align 16 .b8 data[256]; .shared .align 8 .b32 flag; .shared .align 8 .b64 bar;
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x; setp.ge.u32 %p1, %r1, 32;
        mov.u32 %s, data; shl.b32 %r2, %r1, 2; add.u32 %s, %s, %r2;
        {body}
        ret; }}"
    );
    let machine = Machine::new(Settings { watch: true, ..settings(Isa::best()) });
    let program = machine.load(&text);
    let out = machine.upload(&[0_u32; 64]);
    machine
        .run(&program, "k", [3, 1, 1], [64, 1, 1], Parameters::new().with(out).bytes())
        .map(drop)
        .map_err(Box::new)
}

/// The second warp reads what the first wrote, with `between` in between.
fn handed_over(between: &str) -> String {
    format!("@!%p1 st.shared.u32 [%s], %r1;\n{between}\n@%p1 ld.shared.u32 %r3, [%s+-128];")
}

#[test]
fn a_barrier_between_makes_a_race_none() {
    run(&handed_over("bar.sync 0;")).unwrap();
    let fault = run(&handed_over("bar.warp.sync 0xffffffff;")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Race, "{fault}");
    assert_eq!((fault.thread, fault.standing.len()), (Some([32, 0, 0]), 1));
    let earlier = &fault.standing[0];
    assert_eq!((earlier.warp, earlier.lanes, earlier.waiting.as_str()), (0, 1, "wrote there before"));
    assert_eq!(earlier.place.instruction, "st.shared.u32");
}

#[test]
fn what_orders_two_warps_is_known() {
    for between in [
        // The first warp only says that it has come.
        "@!%p1 bar.arrive 1, 64; @%p1 bar.sync 1, 64;",
        "bar.red.popc.u32 %r4, 0, %p1;",
        "barrier.cluster.arrive; barrier.cluster.wait;",
        // A flag by an atomic, and by ordered accesses.
        "@%p1 bra $second; membar.cta; red.shared.add.u32 [flag], 1; bra $end;
         $second: atom.shared.add.u32 %r5, [flag], 0; setp.lt.u32 %p2, %r5, 32; @%p2 bra $second; $end:",
        "@%p1 bra $second; st.release.cta.shared.u32 [flag], 7; bra $end;
         $second: ld.acquire.cta.shared.u32 %r5, [flag]; setp.ne.u32 %p2, %r5, 7; @%p2 bra $second; $end:",
    ] {
        // The flag starts as zero for both.
        let body = format!(
            "mov.u32 %r9, 0; st.volatile.shared.u32 [flag], %r9; bar.sync 0; {}",
            handed_over(between)
        );
        run(&body).unwrap_or_else(|fault| panic!("{between}: {fault}"));
    }
    let init = "setp.ne.u32 %p3, %r1, 0; @!%p3 mbarrier.init.shared.b64 [bar], 64; bar.sync 0;";
    let wait = "mbarrier.arrive.shared.b64 %rd2, [bar]; $wait: mbarrier.try_wait.shared.b64 %p2, [bar], %rd2; @!%p2 bra $wait;";
    run(&format!("{init}{}", handed_over(wait))).unwrap();
}

#[test]
fn stores_race_with_loads_before_them() {
    let written = "st.shared.u32 [%s], %r1; bar.sync 0;";
    // Both warps read; then the first writes, and the second may still be reading.
    let body = format!("{written} ld.shared.u32 %r3, [data+4]; @!%p1 st.shared.u32 [data+4], %r3;");
    let fault = run(&body).unwrap_err();
    assert_eq!((&fault.kind, fault.access.unwrap().address), (&FaultKind::Race, 4), "{fault}");
    assert_eq!(fault.standing[0].waiting, "read there before");
    run(&format!("{written} ld.shared.u32 %r3, [data+4]; bar.sync 0; @!%p1 st.shared.u32 [data+4], %r3;"))
        .unwrap();
    // A vector, and a byte of it by generic address.
    let body = format!(
        "{written} mov.u64 %rd2, data; cvta.shared.u64 %rd3, %rd2;
        @!%p1 ld.shared.v4.u32 {{%r3, %r4, %r5, %r6}}, [data]; @%p1 st.u8 [%rd3+13], %r1;"
    );
    assert_eq!(run(&body).unwrap_err().kind, FaultKind::Race);
}

#[test]
fn atomics_race_with_plain_accesses_alone() {
    let zero = "mov.u32 %r9, 0; st.shared.u32 [%s], %r9; bar.sync 0;";
    run(&format!("{zero} red.shared.add.u32 [data], 1; atom.shared.add.u32 %r3, [data], 1;")).unwrap();
    let fault = run(&format!("{zero} @!%p1 red.shared.add.u32 [data], 1; @%p1 ld.shared.u32 %r3, [data];"));
    assert_eq!(fault.unwrap_err().kind, FaultKind::Race);
}

#[test]
fn what_nobody_wrote_is_not_read() {
    let fault = run("@%p1 st.shared.u32 [%s], %r1; bar.sync 0; ld.shared.u32 %r3, [data+4];").unwrap_err();
    assert_eq!((&fault.kind, fault.thread), (&FaultKind::Uninitialised, Some([32, 0, 0])), "{fault}");
    // A block does not see what one before it wrote in the same memory.
    let body = "mov.u32 %r5, %ctaid.x; setp.eq.u32 %p2, %r5, 2; @!%p2 st.shared.u32 [%s], %r1; ld.shared.u32 %r3, [%s];";
    let fault = run(body).unwrap_err();
    assert_eq!((&fault.kind, fault.block), (&FaultKind::Uninitialised, Some([2, 0, 0])), "{fault}");
}

#[test]
fn copies_and_matrices_count_as_accesses() {
    let copied = "cp.async.ca.shared.global [%s], [%rd1], 4;";
    run(&format!("{copied} bar.sync 0; ld.shared.u32 %r3, [data];")).unwrap();
    assert_eq!(run(&format!("{copied} ld.shared.u32 %r3, [data];")).unwrap_err().kind, FaultKind::Race);
    let load = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [data];";
    assert_eq!(run(load).unwrap_err().kind, FaultKind::Uninitialised);
    run(&format!("{copied} bar.sync 0; {load}")).unwrap();
}
