//! What threads do with one another: atomics, warp operations, locks, printing.

mod common;

use common::{Machine, Parameters, builds, settings};
use cuferry_simt::{FaultKind, Isa, Launch, Settings, launch};

const HEAD: &str = ".version 8.0\n.target sm_90\n.address_size 64\n";

fn ptx(body: &str) -> String {
    format!("{HEAD}{body}")
}

#[test]
fn atomics_count_every_thread() {
    let text = ptx(".visible .entry count(.param .u64 out) {
        .reg .b32 %r<8>; .reg .b64 %rd<4>; .reg .f32 %f<4>; .reg .f64 %fd<4>;
        .shared .align 4 .u32 cell;
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x;
        atom.global.add.u32 %r2, [%rd1], 1;
        red.global.max.s32 [%rd1+4], %r1;
        atom.global.inc.u32 %r3, [%rd1+8], 9;
        mov.f32 %f1, 0f3f000000;
        atom.add.f32 %f2, [%rd1+12], %f1;
        mov.f64 %fd1, 0d3ff0000000000000;
        atom.global.add.f64 %fd2, [%rd1+16], %fd1;
        atom.global.cas.b32 %r4, [%rd1+24], 0, %r1;
        ret; }");
    for isa in builds() {
        for workers in [1, 2] {
            let machine = Machine::new(Settings { workers, ..settings(isa) });
            let program = machine.load(&text);
            let out = machine.upload(&[0_u32; 8]);
            machine
                .run(&program, "count", [5, 1, 1], [100, 1, 1], Parameters::new().with(out).bytes())
                .unwrap();
            let found = machine.download::<u32>(out, 8);
            assert_eq!(found[..3], [500, 99, 500 % 10], "{isa}");
            assert_eq!(found[3], 250_f32.to_bits());
            assert_eq!(machine.download::<f64>(out + 16, 1), [500.0]);
        }
    }
}

#[test]
fn lanes_tell_one_another() {
    let text = ptx(".visible .entry tell(.param .u64 out) {
        .reg .pred %p<4>; .reg .b32 %r<20>; .reg .b64 %rd<4>;
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x;
        shfl.sync.down.b32 %r2, %r1, 1, 31, -1;
        shfl.sync.bfly.b32 %r3, %r1, 5, 31, -1;
        shfl.sync.idx.b32 %r4, %r1, 3, 0x181f, -1;
        shfl.sync.up.b32 %r5|%p1, %r1, 2, 0, -1;
        selp.u32 %r6, 1, 0, %p1;
        and.b32 %r7, %r1, 3;
        setp.eq.u32 %p2, %r7, 1;
        vote.sync.ballot.b32 %r8, %p2, -1;
        match.any.sync.b32 %r9, %r7, -1;
        redux.sync.add.u32 %r10, %r1, -1;
        mul.wide.u32 %rd2, %r1, 36;
        add.u64 %rd3, %rd1, %rd2;
        st.global.u32 [%rd3], %r2; st.global.u32 [%rd3+4], %r3; st.global.u32 [%rd3+8], %r4;
        st.global.u32 [%rd3+12], %r5; st.global.u32 [%rd3+16], %r6; st.global.u32 [%rd3+20], %r8;
        st.global.u32 [%rd3+24], %r9; st.global.u32 [%rd3+28], %r10;
        ret; }");
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&text);
        let out = machine.upload(&[0_u32; 9 * 32]);
        machine.run(&program, "tell", [1, 1, 1], [32, 1, 1], Parameters::new().with(out).bytes()).unwrap();
        for (lane, row) in (0..).zip(machine.download::<u32>(out, 9 * 32).chunks(9)) {
            let down = if lane == 31 { 31 } else { lane + 1 };
            let up = if lane < 2 { lane } else { lane - 2 };
            let class = 0x1111_1111 << (lane % 4);
            let expected =
                [down, lane ^ 5, lane / 8 * 8 + 3, up, u32::from(lane >= 2), 0x2222_2222, class, 496];
            assert_eq!(row[..8], expected, "{isa}, lane {lane}");
        }
    }
}

#[test]
fn a_guard_lets_its_own_lanes_through() {
    // Of operations that stop or tell other lanes, and of calls, the guard is a branch.
    let text = ptx(".func (.param .b32 r) seven() { st.param.b32 [r], 7; ret; }
    .visible .entry guarded(.param .u64 out) {
        .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x;
        setp.lt.u32 %p1, %r1, 11;
        mov.u32 %r2, 1; mov.u32 %r3, 2; mov.u32 %r4, 3;
        @%p1 vote.sync.ballot.b32 %r2, %p1, 0x7ff;
        @!%p1 shfl.sync.idx.b32 %r3, %r1, 20, 31, 0xfffff800;
        { .param .b32 r;
          mov.b32 %r5, 5; st.param.b32 [r], %r5;
          @%p1 call.uni (r), seven, ();
          ld.param.b32 %r4, [r]; }
        setp.gt.u32 %p2, %r1, 99;
        @%p2 trap;
        mul.wide.u32 %rd2, %r1, 12; add.u64 %rd3, %rd1, %rd2;
        st.global.u32 [%rd3], %r2; st.global.u32 [%rd3+4], %r3; st.global.u32 [%rd3+8], %r4;
        ret; }");
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&text);
        let out = machine.upload(&[0_u32; 96]);
        machine.run(&program, "guarded", [1, 1, 1], [32, 1, 1], Parameters::new().with(out).bytes()).unwrap();
        for (lane, row) in machine.download::<u32>(out, 96).chunks(3).enumerate() {
            let expected = if lane < 11 { [0x7ff, 2, 7] } else { [1, 20, 5] };
            assert_eq!(row, expected, "{isa}, lane {lane}");
        }
    }
}

/// Lanes of a warp take one lock, one after another: a stack of masks would hang.
const LOCK: &str = "
.visible .entry locked(.param .u64 cells) {
    .reg .pred %p<3>; .reg .b32 %r<6>; .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [cells];
$again:
    atom.global.cas.b32 %r1, [%rd1], 0, 1;
    setp.ne.u32 %p1, %r1, 0;
    @%p1 bra $again;
    ld.volatile.global.u32 %r2, [%rd1+4];
    add.u32 %r3, %r2, 1;
    st.volatile.global.u32 [%rd1+4], %r3;
    membar.gl;
    atom.global.exch.b32 %r4, [%rd1], 0;
    ret;
}
.visible .entry waits(.param .u64 cells) {
    .reg .pred %p<3>; .reg .b32 %r<6>; .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [cells];
    mov.u32 %r1, %ctaid.x;
    setp.ne.u32 %p1, %r1, 0;
    @%p1 bra $give;
$again:
    ld.acquire.gpu.global.u32 %r2, [%rd1];
    setp.eq.u32 %p2, %r2, 0;
    @%p2 bra $again;
    st.global.u32 [%rd1+4], %r2;
    ret;
$give:
    st.release.gpu.global.u32 [%rd1], 7;
    ret;
}";

#[test]
fn who_waits_for_another_thread_gets_on() {
    for isa in builds() {
        for workers in [1, 2] {
            let machine = Machine::new(Settings { workers, ..settings(isa) });
            let program = machine.load(&ptx(LOCK));
            let cells = machine.upload(&[0_u32; 2]);
            machine
                .run(&program, "locked", [2, 1, 1], [64, 1, 1], Parameters::new().with(cells).bytes())
                .unwrap();
            assert_eq!(machine.download::<u32>(cells, 2), [0, 128], "{isa}");
            // The first block waits for the second, which starts only because the first gets nowhere.
            let cells = machine.upload(&[0_u32; 2]);
            machine
                .run(&program, "waits", [2, 1, 1], [1, 1, 1], Parameters::new().with(cells).bytes())
                .unwrap();
            assert_eq!(machine.download::<u32>(cells, 2), [7, 7], "{isa}");
        }
    }
}

#[test]
fn carries_go_from_word_to_word() {
    let text = ptx(".visible .entry sum(.param .u64 out) {
        .reg .b32 %r<12>; .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [out];
        ld.global.v2.u32 {%r1, %r2}, [%rd1]; ld.global.v2.u32 {%r3, %r4}, [%rd1+8];
        add.cc.u32 %r5, %r1, %r3; addc.u32 %r6, %r2, %r4;
        sub.cc.u32 %r7, %r1, %r3; subc.u32 %r8, %r2, %r4;
        mad.lo.cc.u32 %r9, %r1, %r3, %r5; madc.hi.u32 %r10, %r1, %r3, 0;
        st.global.v2.u32 [%rd1+16], {%r5, %r6}; st.global.v2.u32 [%rd1+24], {%r7, %r8};
        st.global.v2.u32 [%rd1+32], {%r9, %r10};
        ret; }");
    let (a, b) = (0x0000_0001_ffff_fff0_u64, 0x0000_0003_0000_0042_u64);
    let low = |value: u64| value & 0xffff_ffff;
    let expected = [a, b, a + b, a.wrapping_sub(b), low(a) * low(b) + low(a + b)];
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&text);
        let out = machine.upload(&[a, b, 0, 0, 0]);
        machine.run(&program, "sum", [1, 1, 1], [1, 1, 1], Parameters::new().with(out).bytes()).unwrap();
        assert_eq!(machine.download::<u64>(out, 5), expected, "{isa}");
    }
}

#[test]
fn a_subtraction_leaves_the_carry_of_its_adder() {
    // As recorded on a GPU: no borrow is a carry, for whatever takes it.
    let text = ptx(".visible .entry borrow(.param .u64 out) {
        .reg .b32 %r<8>; .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [out];
        ld.global.v2.u32 {%r1, %r2}, [%rd1];
        sub.cc.u32 %r3, %r1, %r2; addc.u32 %r4, 0, 0;
        add.cc.u32 %r3, %r1, 0; subc.u32 %r5, 10, 1;
        st.global.v2.u32 [%rd1+8], {%r4, %r5};
        ret; }");
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&text);
        for (a, b, carry) in [(0x4054_u32, 0x8001_u32, 0_u32), (5, 5, 1), (9, 5, 1)] {
            let out = machine.upload(&[a, b, 0, 0]);
            machine
                .run(&program, "borrow", [1, 1, 1], [1, 1, 1], Parameters::new().with(out).bytes())
                .unwrap();
            assert_eq!(machine.download::<u32>(out + 8, 2), [carry, 8], "{isa}, {a} - {b}");
        }
    }
}

#[test]
fn kernels_print_and_assert() {
    let text = ptx(".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);
    .extern .func __assertfail(.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 c);
    .global .align 1 .b8 text[20] = {37, 100, 32, 37, 53, 46, 50, 102, 32, 37, 115, 124, 37, 120, 10, 0};
    .global .align 1 .b8 word[4] = {97, 98, 99, 0};
    .visible .entry hello() {
        .local .align 8 .b8 list[32];
        .reg .pred %p<2>; .reg .b32 %r<4>; .reg .b64 %rd<6>; .reg .f64 %d<2>;
        mov.u32 %r1, %tid.x;
        mov.u64 %rd1, list; cvta.local.u64 %rd2, %rd1;
        st.local.u32 [%rd1], %r1;
        cvt.rn.f64.u32 %d1, %r1;
        st.local.f64 [%rd1+8], %d1;
        mov.u64 %rd3, word; st.local.u64 [%rd1+16], %rd3;
        st.local.u32 [%rd1+24], 255;
        mov.u64 %rd4, text;
        { .param .b64 f; .param .b64 a; .param .b32 r;
          st.param.b64 [f], %rd4; st.param.b64 [a], %rd2;
          call.uni (r), vprintf, (f, a);
          ld.param.b32 %r2, [r]; }
        setp.lt.u32 %p1, %r1, 2;
        @%p1 ret;
        { .param .b64 m; .param .b64 f; .param .b32 l; .param .b64 n; .param .b64 c;
          st.param.b64 [m], %rd3; st.param.b64 [f], %rd3; st.param.b32 [l], 12; st.param.b64 [n], %rd3;
          st.param.b64 [c], 1;
          call.uni __assertfail, (m, f, l, n, c); }
        ret; }");
    let machine = Machine::new(settings(Isa::best()));
    let program = machine.load(&text);
    machine.run(&program, "hello", [1, 1, 1], [2, 1, 1], &[]).unwrap();
    assert_eq!(machine.text(), "0  0.00 abc|ff\n1  1.00 abc|ff\n");
    let fault = machine.run(&program, "hello", [1, 1, 1], [3, 1, 1], &[]).unwrap_err();
    assert_eq!((fault.kind, fault.thread), (FaultKind::Assert("abc".to_owned()), Some([2, 0, 0])));
    let text = machine.text();
    assert!(
        text.ends_with(
            "2  2.00 abc|ff\nabc:12: abc: block: [0,0,0], thread: [2,0,0] Assertion `abc` failed.\n"
        ),
        "{text}"
    );
}

#[test]
fn kernels_allocate_and_are_watched() {
    let text = ptx(".extern .func (.param .b64 r) malloc(.param .b64 n);
    .extern .func free(.param .b64 p);
    .visible .entry heap(.param .u64 out, .param .u32 late) {
        .reg .pred %p<2>; .reg .b32 %r<4>; .reg .b64 %rd<6>;
        ld.param.u64 %rd1, [out]; ld.param.u32 %r2, [late];
        { .param .b64 n; .param .b64 r; st.param.b64 [n], 12; call.uni (r), malloc, (n); ld.param.b64 %rd2, [r]; }
        mov.u32 %r1, %tid.x;
        st.u32 [%rd2+8], %r1;
        ld.u32 %r3, [%rd2+8];
        atom.global.add.u32 %r1, [%rd1], %r3;
        { .param .b64 p; st.param.b64 [p], %rd2; call.uni free, (p); }
        setp.eq.u32 %p1, %r2, 0;
        @%p1 ret;
        ld.u32 %r3, [%rd2];
        ret; }");
    let machine = Machine::new(settings(Isa::best()));
    let program = machine.load(&text);
    let out = machine.upload(&[0_u32]);
    let before = machine.device.memory().usage();
    machine
        .run(&program, "heap", [1, 1, 1], [40, 1, 1], Parameters::new().with(out).with(0_u32).bytes())
        .unwrap();
    assert_eq!(machine.download::<u32>(out, 1), [780]);
    assert_eq!(machine.device.memory().usage(), before);
    let fault = machine
        .run(&program, "heap", [1, 1, 1], [1, 1, 1], Parameters::new().with(out).with(1_u32).bytes())
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::UseAfterFree, "{fault}");
}

/// A grid's barrier as cooperative groups make it: a counter in the workspace that the driver gives.
const GRID: &str = "
.visible .entry grid(.param .u64 out) {
    .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %rd<6>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %envreg1; mov.u32 %r2, %envreg2;
    mov.b64 %rd2, {%r2, %r1};
    mov.u32 %r3, %tid.x; mov.u32 %r9, %ctaid.x; mov.u32 %r10, %nctaid.x;
    setp.ne.u32 %p1, %r3, 0;
    @%p1 bra $wait;
    red.release.gpu.global.add.u32 [%rd1], 1;
    atom.add.release.gpu.u32 %r4, [%rd2+4], 1;
$spin:
    ld.acquire.gpu.u32 %r5, [%rd2+4];
    setp.lt.u32 %p2, %r5, %r10;
    @%p2 bra $spin;
$wait:
    bar.sync 0;
    ld.global.u32 %r6, [%rd1];
    mul.wide.u32 %rd3, %r9, 4; add.u64 %rd4, %rd1, %rd3;
    @!%p1 st.global.u32 [%rd4+4], %r6;
    ret;
}";

#[test]
fn a_cooperative_grid_waits_for_all_its_blocks() {
    for workers in [1, 3] {
        let machine = Machine::new(Settings { workers, ..settings(Isa::best()) });
        let program = machine.load(&ptx(GRID));
        let out = machine.upload(&[0_u32; 101]);
        let parameters = Parameters::new().with(out);
        let shape = Launch {
            grid: [100, 1, 1],
            block: [64, 1, 1],
            cluster: None,
            dynamic_shared: 0,
            parameters: parameters.bytes(),
            cooperative: true,
        };
        launch(&machine.device, &program, program.kernel("grid").unwrap(), &shape).unwrap();
        assert_eq!(machine.download::<u32>(out, 101), [100; 101]);
    }
}

#[test]
fn vectors_are_read_and_written_whole() {
    // One block writes pairs of equal words, another counts those that it finds unequal.
    let text = ptx(".visible .entry pairs(.param .u64 data) {
        .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<8>;
        ld.param.u64 %rd1, [data]; mov.u32 %r1, %ctaid.x; mov.u64 %rd2, 0; mov.u32 %r2, 0;
        setp.ne.u32 %p1, %r1, 0;
        @%p1 bra $read;
    $write:
        add.u64 %rd2, %rd2, 1;
        st.relaxed.gpu.global.v2.u64 [%rd1], {%rd2, %rd2};
        setp.lt.u64 %p2, %rd2, 30000;
        @%p2 bra $write;
        ret;
    $read:
        ld.relaxed.gpu.global.v2.u64 {%rd3, %rd4}, [%rd1];
        setp.ne.u64 %p3, %rd3, %rd4;
        @%p3 add.u32 %r2, %r2, 1;
        setp.lt.u64 %p2, %rd3, 30000;
        @%p2 bra $read;
        red.global.add.u32 [%rd1+16], %r2;
        ret; }");
    let machine = Machine::new(Settings { workers: 2, ..settings(Isa::best()) });
    let program = machine.load(&text);
    let data = machine.upload(&[0_u64; 3]);
    machine.run(&program, "pairs", [2, 1, 1], [32, 1, 1], Parameters::new().with(data).bytes()).unwrap();
    assert_eq!(machine.download::<u64>(data, 3), [30000, 30000, 0]);
}

#[test]
fn one_worker_gives_equal_bits_in_every_run() {
    // A sum whose rounding depends on the order of its addends, of every size.
    let text = ptx(".visible .entry sum(.param .u64 out) {
        .reg .b32 %r<6>; .reg .f32 %f<4>; .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mad.lo.u32 %r3, %r2, 256, %r1;
        mul.lo.u32 %r4, %r3, 0x9e3779b1; shr.u32 %r4, %r4, 4; and.b32 %r5, %r4, 0x1fffffff; or.b32 %r5, %r5, 0x30000000;
        mov.b32 %f1, %r5;
        red.global.add.f32 [%rd1], %f1;
        atom.global.add.f32 %f2, [%rd1+4], %f1;
        red.global.add.f32 [%rd1+8], %f2;
        ret; }");
    let once = || {
        let machine = Machine::new(settings(Isa::best()));
        let program = machine.load(&text);
        let out = machine.upload(&[0_u32; 3]);
        machine.run(&program, "sum", [64, 1, 1], [256, 1, 1], Parameters::new().with(out).bytes()).unwrap();
        machine.download::<u32>(out, 3)
    };
    let first = once();
    assert!((1..100).all(|_| once() == first));
    // Another order gives another sum, or the runs above would prove nothing.
    let addend =
        |index: u32| f32::from_bits(index.wrapping_mul(0x9e37_79b1) >> 4 & 0x1fff_ffff | 0x3000_0000);
    let sum = |total: f32, index: u32| total + addend(index);
    let (forward, backward) = ((0..64 * 256).fold(0.0, sum), (0..64 * 256).rev().fold(0.0, sum));
    assert_ne!(forward.to_bits(), backward.to_bits());
    assert_eq!(first[0], forward.to_bits());
}
