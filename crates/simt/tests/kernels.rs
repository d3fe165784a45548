//! Whole kernels, on every build that this CPU runs.

#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts are small")]

mod common;

use common::{Machine, Parameters, builds, settings};
use cuferry_simt::{FaultKind, Isa};

const HEAD: &str = ".version 8.0\n.target sm_90\n.address_size 64\n";

fn ptx(body: &str) -> String {
    format!("{HEAD}{body}")
}

const ADD: &str = r"
.visible .entry add(.param .u64 a, .param .u64 b, .param .u64 sum, .param .u32 count) {
    .reg .pred %p<3>; .reg .f32 %f<4>; .reg .b32 %r<8>; .reg .b64 %rd<12>;
    ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [sum]; ld.param.u32 %r1, [count];
    mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra $end;
    cvta.to.global.u64 %rd4, %rd1; cvta.to.global.u64 %rd5, %rd2; cvta.to.global.u64 %rd6, %rd3;
    mul.wide.u32 %rd7, %r5, 4;
    add.s64 %rd8, %rd4, %rd7; add.s64 %rd9, %rd5, %rd7; add.s64 %rd10, %rd6, %rd7;
    ld.global.f32 %f1, [%rd8]; ld.global.f32 %f2, [%rd9];
    add.f32 %f3, %f1, %f2;
    st.global.f32 [%rd10], %f3;
$end:
    ret;
}";

#[test]
fn vectors_are_added_up_to_their_end() {
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&ptx(ADD));
        for count in [1_usize, 31, 32, 33, 1000] {
            let a: Vec<f32> = (0..count).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..count).map(|i| 0.5 * i as f32).collect();
            let (a, b) = (machine.upload(&a), machine.upload(&b));
            let sum = machine.upload(&vec![-1_f32; count]);
            let parameters = Parameters::new().with(a).with(b).with(sum).with(count as u32);
            machine
                .run(&program, "add", [(count as u32).div_ceil(96), 1, 1], [96, 1, 1], parameters.bytes())
                .unwrap();
            let expected: Vec<f32> = (0..count).map(|i| 1.5 * i as f32).collect();
            assert_eq!(machine.download::<f32>(sum, count), expected, "{isa}, {count}");
        }
    }
}

#[test]
fn an_access_behind_the_end_says_which_thread_and_where() {
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&ptx(ADD));
        let data = machine.upload(&[0_f32; 40]);
        let parameters = Parameters::new().with(data).with(data).with(data).with(64_u32);
        let fault = machine.run(&program, "add", [2, 1, 1], [32, 1, 1], parameters.bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::OutOfBounds);
        assert_eq!((fault.block, fault.thread), (Some([1, 0, 0]), Some([8, 0, 0])));
        let access = fault.access.unwrap();
        assert_eq!((access.address, access.size, access.write), (data + 160, 4, false));
        assert_eq!(fault.nearest.unwrap().behind_by(access.address), Some(0));
        assert_eq!(fault.place.as_ref().unwrap().instruction, "ld.global.f32");
        assert!(fault.to_string().contains("0 bytes behind device memory of 160 bytes"), "{fault}");
    }
}

#[test]
fn freed_and_misaligned_memory_is_refused() {
    let machine = Machine::new(settings(Isa::best()));
    let program = machine.load(&ptx(ADD));
    let (data, gone) = (machine.upload(&[0_f32; 64]), machine.upload(&[0_f32; 64]));
    machine.device.memory().free(gone).unwrap();
    let parameters = Parameters::new().with(data).with(gone).with(data).with(8_u32);
    let fault = machine.run(&program, "add", [1, 1, 1], [32, 1, 1], parameters.bytes()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::UseAfterFree);
    let parameters = Parameters::new().with(data).with(data + 2).with(data).with(8_u32);
    let fault = machine.run(&program, "add", [1, 1, 1], [32, 1, 1], parameters.bytes()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misaligned);
}

/// Collatz steps of each thread's number: lanes leave the loop at different times.
const COLLATZ: &str = r"
.visible .entry collatz(.param .u64 out) {
    .reg .pred %p<4>; .reg .b32 %r<10>; .reg .b64 %rd<6>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    add.u32 %r2, %r1, 1;
    mov.u32 %r3, 0;
$loop:
    setp.eq.u32 %p1, %r2, 1;
    @%p1 bra $done;
    add.u32 %r3, %r3, 1;
    and.b32 %r4, %r2, 1;
    setp.eq.u32 %p2, %r4, 0;
    @%p2 bra $even;
    mad.lo.u32 %r2, %r2, 3, 1;
    bra $loop;
$even:
    shr.u32 %r2, %r2, 1;
    bra.uni $loop;
$done:
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r3;
    ret;
}";

#[test]
fn lanes_that_part_meet_again() {
    let steps = |mut n: u32| {
        let mut count = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            count += 1;
        }
        count
    };
    let expected: Vec<u32> = (1..=100).map(steps).collect();
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&ptx(COLLATZ));
        let out = machine.upload(&[0_u32; 100]);
        machine
            .run(&program, "collatz", [1, 1, 1], [100, 1, 1], Parameters::new().with(out).bytes())
            .unwrap();
        assert_eq!(machine.download::<u32>(out, 100), expected, "{isa}");
    }
}

/// Sums a block's numbers in shared memory, in halves, with a barrier between.
const REDUCE: &str = r"
.visible .entry reduce(.param .u64 in, .param .u64 out) {
    .reg .pred %p<4>; .reg .b32 %r<20>; .reg .b64 %rd<10>;
    .shared .align 4 .b8 sums[1024];
    ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
    mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;
    mad.lo.u32 %r4, %r2, %r3, %r1;
    mul.wide.u32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3;
    ld.global.u32 %r5, [%rd4];
    shl.b32 %r6, %r1, 2;
    mov.u32 %r7, sums;
    add.u32 %r8, %r7, %r6;
    st.shared.u32 [%r8], %r5;
    bar.sync 0;
    shr.u32 %r9, %r3, 1;
$loop:
    setp.eq.u32 %p1, %r9, 0;
    @%p1 bra $done;
    setp.ge.u32 %p2, %r1, %r9;
    @%p2 bra $skip;
    shl.b32 %r10, %r9, 2; add.u32 %r11, %r8, %r10;
    ld.shared.u32 %r12, [%r11]; ld.shared.u32 %r13, [%r8];
    add.u32 %r14, %r12, %r13;
    st.shared.u32 [%r8], %r14;
$skip:
    bar.sync 0;
    shr.u32 %r9, %r9, 1;
    bra $loop;
$done:
    setp.ne.u32 %p3, %r1, 0;
    @%p3 ret;
    ld.shared.u32 %r15, [sums];
    mul.wide.u32 %rd5, %r2, 4; add.s64 %rd6, %rd2, %rd5;
    st.global.u32 [%rd6], %r15;
    ret;
}";

#[test]
fn warps_wait_for_one_another_at_a_barrier() {
    for isa in builds() {
        for workers in [1, 2] {
            let machine = Machine::new(cuferry_simt::Settings { workers, ..settings(isa) });
            let program = machine.load(&ptx(REDUCE));
            let input: Vec<u32> = (0..2048).map(|i| i * 7 + 1).collect();
            let (data, out) = (machine.upload(&input), machine.upload(&[0_u32; 8]));
            let parameters = Parameters::new().with(data).with(out);
            machine.run(&program, "reduce", [8, 1, 1], [256, 1, 1], parameters.bytes()).unwrap();
            let expected: Vec<u32> = input.chunks(256).map(|chunk| chunk.iter().sum()).collect();
            assert_eq!(machine.download::<u32>(out, 8), expected, "{isa}, {workers}");
        }
    }
}

#[test]
fn what_is_not_supported_fails_at_launch_by_name() {
    let text = ptx(
        ".visible .entry good() { ret; }\n.visible .entry bad() { .reg .b32 %r<3>;\n  frobnicate.b32 %r1, %r2;\n  wgmma.fence.sync.aligned; ret; }",
    );
    let machine = Machine::new(settings(Isa::best()));
    let program = machine.load(&text);
    machine.run(&program, "good", [1, 1, 1], [1, 1, 1], &[]).unwrap();
    let fault = machine.run(&program, "bad", [1, 1, 1], [1, 1, 1], &[]).unwrap_err();
    let FaultKind::Unsupported(refusals) = fault.kind else { panic!("{fault}") };
    let names: Vec<&str> = refusals.iter().map(|refusal| refusal.what.as_str()).collect();
    assert_eq!(names, ["frobnicate.b32", "wgmma.fence.sync.aligned"]);
    assert_eq!((refusals[0].line, refusals[0].function.as_str()), (6, "bad"));
}

#[test]
fn nothing_hangs() {
    let spin = ptx(".visible .entry spin() { $again: bra $again; }");
    let machine = Machine::new(cuferry_simt::Settings { fuel: Some(1000), ..settings(Isa::best()) });
    let program = machine.load(&spin);
    let fault = machine.run(&program, "spin", [1, 1, 1], [32, 1, 1], &[]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::OutOfFuel);

    let waits = ptx(".visible .entry waits() { .reg .pred %p<2>; .reg .b32 %r<2>;
        mov.u32 %r1, %tid.x; setp.lt.u32 %p1, %r1, 32;
        @%p1 bra $one;
        bar.sync 1; ret;
        $one: bar.sync 2; ret; }");
    let program = machine.load(&waits);
    let fault = machine.run(&program, "waits", [1, 1, 1], [64, 1, 1], &[]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deadlock);
    let places: Vec<(u32, u32)> =
        fault.standing.iter().map(|standing| (standing.warp, standing.place.line)).collect();
    assert_eq!(places, [(0, 8), (1, 7)], "{fault}");
}

/// Factorials by recursion, and a call by address.
const CALLS: &str = r"
.func (.param .b64 out) factorial(.param .b32 n) {
    .reg .pred %p<2>; .reg .b32 %r<3>; .reg .b64 %rd<5>;
    ld.param.u32 %r1, [n];
    setp.lt.u32 %p1, %r1, 2;
    @%p1 bra $base;
    sub.u32 %r2, %r1, 1;
    { .param .b32 a; .param .b64 r;
      st.param.b32 [a], %r2;
      call.uni (r), factorial, (a);
      ld.param.b64 %rd1, [r]; }
    cvt.u64.u32 %rd2, %r1;
    mul.lo.u64 %rd3, %rd1, %rd2;
    st.param.b64 [out], %rd3;
    ret;
$base:
    mov.u64 %rd4, 1;
    st.param.b64 [out], %rd4;
    ret;
}
.func (.param .b64 out) twice(.param .b32 n) {
    .reg .b32 %r<3>; .reg .b64 %rd<3>;
    ld.param.u32 %r1, [n];
    mul.wide.u32 %rd1, %r1, 2;
    st.param.b64 [out], %rd1;
    ret;
}
.global .align 8 .u64 table[2] = {factorial, twice};
.visible .entry calls(.param .u64 out) {
    .reg .b32 %r<8>; .reg .b64 %rd<12>;
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, %tid.x;
    and.b32 %r2, %r1, 1;
    mul.wide.u32 %rd2, %r2, 8;
    mov.u64 %rd3, table;
    add.s64 %rd4, %rd3, %rd2;
    ld.global.u64 %rd5, [%rd4];
    prototype: .callprototype (.param .b64 _) _ (.param .b32 _);
    { .param .b32 a; .param .b64 r;
      st.param.b32 [a], %r1;
      call (r), %rd5, (a), prototype;
      ld.param.b64 %rd6, [r]; }
    mul.wide.u32 %rd7, %r1, 8;
    add.s64 %rd8, %rd1, %rd7;
    st.global.u64 [%rd8], %rd6;
    ret;
}";

#[test]
fn functions_call_themselves_and_others_by_address() {
    let expected: Vec<u64> =
        (0..20).map(|n: u64| if n.is_multiple_of(2) { (1..=n).product() } else { 2 * n }).collect();
    for isa in builds() {
        let machine = Machine::new(settings(isa));
        let program = machine.load(&ptx(CALLS));
        let out = machine.upload(&[0_u64; 20]);
        machine.run(&program, "calls", [1, 1, 1], [20, 1, 1], Parameters::new().with(out).bytes()).unwrap();
        assert_eq!(machine.download::<u64>(out, 20), expected, "{isa}");
    }
}

#[test]
fn variables_start_anew_and_managed_ones_stay() {
    let machine = Machine::new(settings(Isa::Baseline));
    let program = machine.load(
        ".version 7.5\n.target sm_75\n.address_size 64\n.visible .global .u32 own = 5;\n\
         .visible .global .attribute(.managed) .u32 shared = 6;\n",
    );
    let address = |name: &str| program.global(name).unwrap().address;
    for name in ["own", "shared"] {
        machine.device.memory().write(address(name), &9_u32.to_le_bytes()).unwrap();
    }
    program.start_anew().unwrap();
    assert_eq!(machine.download::<u32>(address("own"), 1), [5]);
    assert_eq!(machine.download::<u32>(address("shared"), 1), [9]);
}
