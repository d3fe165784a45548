//! Copies that run beside a kernel's threads, the barriers in shared memory that wait for them, and matrices in memory.
#![expect(clippy::expect_used, reason = "a test that can't go on ends")]

mod common;

use common::{Machine, Parameters, builds, settings};
use cuferry_simt::{Fault, FaultKind, Isa, Launch, launch};

/// Runs a kernel of one parameter, the address of these words, and gives what is there afterwards.
fn run(body: &str, threads: u32, words: &[u32], isa: Isa) -> Result<Vec<u32>, Box<Fault>> {
    let text = format!(
        ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 data) {{
        .reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<20>; .reg .b64 %rd<12>; .reg .f32 %f<12>;
        .shared .align 128 .b8 tile[512]; .shared .align 8 .b64 bar;
        ld.param.u64 %rd1, [data]; mov.u32 %r1, %tid.x;
        {body}
        ret; }}"
    );
    let machine = Machine::new(settings(isa));
    let program = machine.load(&text);
    let data = machine.upload(words);
    machine
        .run(&program, "k", [1, 1, 1], [threads, 1, 1], Parameters::new().with(data).bytes())
        .map_err(Box::new)?;
    Ok(machine.download(data, words.len()))
}

#[test]
fn bulk_copies_complete_on_a_barrier() {
    // One thread announces the bytes and copies; all wait; then shared memory goes back, reversed by words.
    let body = "
        setp.ne.u32 %p1, %r1, 0;
        @%p1 bra $ready;
        mbarrier.init.shared.b64 [bar], 1;
        fence.mbarrier_init.release.cluster;
        mov.u32 %r9, tile; mov.u32 %r10, bar;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r9], [%rd1], 256, [%r10];
        mbarrier.arrive.expect_tx.shared.b64 %rd2, [bar], 256;
        mbarrier.pending_count.b64 %r3, %rd2;
        st.global.u32 [%rd1+256], %r3;
    $ready:
        bar.sync 0;
    $wait:
        mbarrier.try_wait.parity.shared.b64 %p2, [bar], 0;
        @!%p2 bra $wait;
        shl.b32 %r4, %r1, 2; mov.u32 %r5, tile; add.u32 %r6, %r5, %r4; ld.shared.u32 %r7, [%r6];
        bar.sync 0;
        sub.u32 %r8, 252, %r4; add.u32 %r6, %r5, %r8; st.shared.u32 [%r6], %r7;
        bar.sync 0;
        @%p1 bra $done;
        mov.u32 %r9, tile;
        fence.proxy.async.shared::cta;
        cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r9], 256;
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        mbarrier.inval.shared.b64 [bar];
    $done:";
    for isa in builds() {
        let words: Vec<u32> = (0..65).collect();
        let got = run(body, 64, &words, isa).unwrap();
        let mut want: Vec<u32> = (0..64).rev().collect();
        want.push(1);
        assert_eq!(got, want, "{isa}");
    }
}

#[test]
fn a_barrier_that_nobody_reaches_is_a_deadlock() {
    let body = "
        setp.ne.u32 %p1, %r1, 0;
        @!%p1 mbarrier.init.shared.b64 [bar], 65;
        bar.sync 0;
        mbarrier.arrive.shared.b64 %rd2, [bar];
    $wait:
        mbarrier.try_wait.shared.b64 %p2, [bar], %rd2;
        @!%p2 bra $wait;";
    let fault = run(body, 64, &[0], Isa::best()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deadlock, "{fault}");
    assert_eq!(fault.standing.len(), 2);
    assert!(fault.standing[0].waiting.starts_with("waits for the phase of parity 0 of the mbarrier at"));
}

#[test]
fn what_a_barrier_cannot_count_is_refused() {
    let init = "mbarrier.init.shared.b64 [bar], 2;";
    for (body, says) in [
        ("mbarrier.arrive.shared.b64 %rd2, [bar], 3;", "3 arrive where 2 are awaited"),
        ("mbarrier.arrive.noComplete.shared.b64 %rd2, [bar], 2;", "`.noComplete` completes the phase"),
        ("mbarrier.init.shared.b64 [bar], 0;", "a count of 0"),
        ("mbarrier.expect_tx.relaxed.cta.shared.b64 [bar], 2000000;", "too many bytes"),
    ] {
        let fault = run(&format!("{init}{body}"), 1, &[0], Isa::best()).unwrap_err();
        assert!(matches!(&fault.kind, FaultKind::BadOperand(what) if what.contains(says)), "{fault}");
    }
}

#[test]
fn a_drop_leaves_fewer_to_wait_for() {
    // Two are awaited; one arrives and leaves, the other arrives: the next phase needs one arrival alone.
    let body = "
        mbarrier.init.shared.b64 [bar], 2;
        mbarrier.arrive_drop.shared.b64 %rd2, [bar];
        mbarrier.test_wait.shared.b64 %p1, [bar], %rd2; selp.u32 %r2, 1, 0, %p1;
        mbarrier.arrive.shared.b64 _, [bar];
        mbarrier.test_wait.shared.b64 %p1, [bar], %rd2; selp.u32 %r3, 1, 0, %p1;
        mbarrier.arrive.shared.b64 %rd3, [bar];
        mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1; selp.u32 %r4, 1, 0, %p1;
        st.global.v2.u32 [%rd1], {%r2, %r3}; st.global.u32 [%rd1+8], %r4;";
    assert_eq!(run(body, 1, &[9, 9, 9, 0], Isa::best()).unwrap(), [0, 1, 1, 0]);
}

#[test]
fn small_copies_fill_with_zeros_what_they_do_not_read() {
    let body = "
        mov.u32 %r2, tile; mov.u32 %r3, 3; setp.eq.u32 %p1, %r1, 0;
        st.shared.v4.u32 [tile], {%r3, %r3, %r3, %r3}; st.shared.v4.u32 [tile+16], {%r3, %r3, %r3, %r3};
        cp.async.ca.shared.global [%r2], [%rd1], 16, %r3;
        cp.async.ca.shared.global.L2::128B [tile+16], [%rd1+4], 4;
        cp.async.ca.shared.global [tile+24], [%rd1+8], 8, %p1;
        cp.async.commit_group; cp.async.wait_group 0;
        ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [tile]; ld.shared.v4.u32 {%r8, %r9, %r10, %r11}, [tile+16];
        st.global.v4.u32 [%rd1], {%r4, %r5, %r6, %r7}; st.global.v4.u32 [%rd1+16], {%r8, %r9, %r10, %r11};";
    let words = [0x4433_2211, 5, 6, 7, 0, 0, 0, 0];
    for isa in builds() {
        let got = run(body, 1, &words, isa).unwrap();
        assert_eq!(got, [0x0033_2211, 0, 0, 0, 5, 3, 0, 0], "{isa}");
    }
}

#[test]
fn copies_and_matrices_stay_within_what_they_name() {
    for (body, kind) in [
        ("cp.async.ca.shared.global [tile], [%rd1+16], 16;", FaultKind::OutOfBounds),
        ("cp.async.ca.shared.global [tile+4], [%rd1], 8;", FaultKind::Misaligned),
        ("cp.async.ca.shared.global [tile+508], [%rd1], 8, 0;", FaultKind::Misaligned),
        ("cp.async.bulk.global.shared::cta.bulk_group [%rd1], [tile+512], 16;", FaultKind::OutOfBounds),
        ("cp.async.bulk.global.shared::cta.bulk_group [%rd1+8], [tile], 16;", FaultKind::Misaligned),
        (
            "wmma.load.c.sync.aligned.row.m16n16k16.global.f16 {%r2, %r3, %r4, %r5}, [%rd1];",
            FaultKind::OutOfBounds,
        ),
        (
            "wmma.store.d.sync.aligned.col.m16n16k16.shared.f16 [tile], {%r2, %r3, %r4, %r5}, 24;",
            FaultKind::OutOfBounds,
        ),
    ] {
        let fault = run(body, 32, &[0; 7], Isa::best()).expect_err(body);
        assert_eq!(fault.kind, kind, "{body}: {fault}");
    }
}

#[test]
fn matrices_are_transposed_by_loading_and_storing() {
    // What is loaded by rows and stored by columns is transposed, whatever lane holds what.
    let body = "
        wmma.load.c.sync.aligned.row.m32n8k16.global.f32 {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, [%rd1];
        wmma.store.d.sync.aligned.col.m32n8k16.global.f32 [%rd1], {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7};";
    let words: Vec<u32> = (0..256).collect();
    let got = run(body, 32, &words, Isa::best()).unwrap();
    let want: Vec<u32> = (0..256).map(|at| at % 32 * 8 + at / 32).collect();
    assert_eq!(got, want);
}

#[test]
fn blocks_of_a_cluster_reach_one_another() {
    let text =
        ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 out, .param .u32 to) {
        .reg .b32 %r<10>; .reg .b64 %rd<8>; .shared .align 8 .b32 mine; .shared .align 8 .b64 bar;
        ld.param.u64 %rd1, [out]; ld.param.u32 %r8, [to];
        mov.u32 %r1, %cluster_ctarank; mul.lo.u32 %r2, %r1, 10; st.shared.u32 [mine], %r2;
        mbarrier.init.shared.b64 [bar], 1;
        barrier.cluster.arrive; barrier.cluster.wait;
        xor.b32 %r3, %r1, %r8; mov.u32 %r4, mine; mapa.shared::cluster.u32 %r5, %r4, %r3;
        ld.shared::cluster.u32 %r6, [%r5];
        getctarank.shared::cluster.u32 %r7, %r5; mad.lo.u32 %r6, %r7, 100, %r6;
        mov.u32 %r4, bar; mapa.shared::cluster.u32 %r5, %r4, %r3;
        mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r5];
        mul.wide.u32 %rd2, %r1, 4; add.u64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r6;
    $wait: .reg .pred %p;
        mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [bar], 0;
        @!%p bra $wait;
        barrier.cluster.arrive; barrier.cluster.wait;
        ret; }";
    let machine = Machine::new(settings(Isa::best()));
    let program = machine.load(text);
    let out = machine.upload(&[0_u32; 2]);
    let go = |to: u32| {
        let parameters = Parameters::new().with(out).with(to);
        let shape = Launch {
            grid: [2, 1, 1],
            block: [1, 1, 1],
            cluster: Some([2, 1, 1]),
            dynamic_shared: 0,
            parameters: parameters.bytes(),
            cooperative: false,
        };
        launch(&machine.device, &program, program.kernel("k").unwrap(), &shape).map_err(Box::new)
    };
    go(1).unwrap();
    assert_eq!(machine.download::<u32>(out, 2), [110, 0]);
    let fault = go(2).unwrap_err();
    assert!(
        matches!(&fault.kind, FaultKind::BadOperand(what) if what.contains("of a cluster of 2")),
        "{fault}"
    );
}
