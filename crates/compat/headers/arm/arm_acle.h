/* ARM's C language extensions on x86_64: checksums, barriers, hints, and counting and reordering of bits.
 *
 * What has no counterpart (transactions, memory tags, system registers, 32-bit ARM's packed arithmetic) is not declared. */
#ifndef CUFERRY_ARM_ACLE_H
#define CUFERRY_ARM_ACLE_H
#pragma GCC system_header

#if defined(__aarch64__) || defined(__arm__)
#include_next <arm_acle.h>
#else

#include <stdint.h>
#include <string.h>

/* First, since it has functions by the names of some of ours: x86's __crc32b is ARM's __crc32cb. */
#include <immintrin.h>

#define CUFERRY_ACLE static __inline__ __attribute__((__always_inline__, __unused__))

/* Barriers. x86 orders nearly all by itself: a full fence gives the rest. What they order is memory of this program. */
#define __dmb(kind) ((void)(kind), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define __dsb(kind) ((void)(kind), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define __isb(kind) ((void)(kind), __atomic_signal_fence(__ATOMIC_SEQ_CST))

/* Hints. Waiting for an event may end at any time, so that not to wait is right, if not cheap. */
CUFERRY_ACLE void __nop(void) { __asm__ __volatile__("nop"); }
CUFERRY_ACLE void __yield(void) { __asm__ __volatile__("pause" ::: "memory"); }
CUFERRY_ACLE void __wfe(void) { __asm__ __volatile__("pause" ::: "memory"); }
CUFERRY_ACLE void __wfi(void) { __asm__ __volatile__("pause" ::: "memory"); }
CUFERRY_ACLE void __sev(void) { __asm__ __volatile__("" ::: "memory"); }
CUFERRY_ACLE void __sevl(void) { __asm__ __volatile__("" ::: "memory"); }
#define __dbg(number) ((void)(number))
#define __pld(address) __builtin_prefetch(address)
#define __pldx(kind, level, policy, address) __builtin_prefetch((address), (kind), (policy) ? 0 : 3 - (level))
#define __pli(address) ((void)(address))
#define __plix(level, policy, address) ((void)(level), (void)(policy), (void)(address))

/* Bits. Of 0 there are as many leading zeros as there are bits. */
CUFERRY_ACLE unsigned int __clz(uint32_t a) { return a ? (unsigned int)__builtin_clz(a) : 32u; }
CUFERRY_ACLE unsigned int __clzl(unsigned long a) { return a ? (unsigned int)__builtin_clzl(a) : 64u; }
CUFERRY_ACLE unsigned int __clzll(uint64_t a) { return a ? (unsigned int)__builtin_clzll(a) : 64u; }
CUFERRY_ACLE unsigned int __cls(uint32_t a) { return __clz(a >> 31 ? ~a : a) - 1; }
CUFERRY_ACLE unsigned int __clsl(unsigned long a) { return __clzl(a >> 63 ? ~a : a) - 1; }
CUFERRY_ACLE unsigned int __clsll(uint64_t a) { return __clzll(a >> 63 ? ~a : a) - 1; }
CUFERRY_ACLE uint32_t __ror(uint32_t a, uint32_t right) { return right % 32 ? a >> right % 32 | a << (32 - right % 32) : a; }
CUFERRY_ACLE uint64_t __rorll(uint64_t a, uint32_t right) { return right % 64 ? a >> right % 64 | a << (64 - right % 64) : a; }
CUFERRY_ACLE unsigned long __rorl(unsigned long a, uint32_t right) { return __rorll(a, right); }
CUFERRY_ACLE uint32_t __rev(uint32_t a) { return __builtin_bswap32(a); }
CUFERRY_ACLE unsigned long __revl(unsigned long a) { return __builtin_bswap64(a); }
CUFERRY_ACLE uint64_t __revll(uint64_t a) { return __builtin_bswap64(a); }
CUFERRY_ACLE uint32_t __rev16(uint32_t a) { return (a & 0xff00ff00u) >> 8 | (a & 0x00ff00ffu) << 8; }
CUFERRY_ACLE uint64_t __rev16ll(uint64_t a) { return (uint64_t)__rev16((uint32_t)(a >> 32)) << 32 | __rev16((uint32_t)a); }
CUFERRY_ACLE unsigned long __rev16l(unsigned long a) { return __rev16ll(a); }
CUFERRY_ACLE int16_t __revsh(int16_t a) { return (int16_t)__builtin_bswap16((uint16_t)a); }
CUFERRY_ACLE uint64_t __rbitll(uint64_t a) {
  a = (a >> 1 & 0x5555555555555555u) | (a & 0x5555555555555555u) << 1;
  a = (a >> 2 & 0x3333333333333333u) | (a & 0x3333333333333333u) << 2;
  a = (a >> 4 & 0x0f0f0f0f0f0f0f0fu) | (a & 0x0f0f0f0f0f0f0f0fu) << 4;
  return __builtin_bswap64(a);
}
CUFERRY_ACLE uint32_t __rbit(uint32_t a) { return (uint32_t)(__rbitll(a) >> 32); }
CUFERRY_ACLE unsigned long __rbitl(unsigned long a) { return __rbitll(a); }

/* Checksums: of Ethernet's polynomial (`crc32`) and of Castagnoli's (`crc32c`), which alone x86 computes itself. */
CUFERRY_ACLE uint32_t cuferry_crc(uint32_t sum, uint64_t data, int bytes, uint32_t polynomial) {
  for (int i = 0; i < bytes; i++) {
    sum ^= (uint32_t)(data >> 8 * i & 0xff);
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (polynomial & (0u - (sum & 1u)));
  }
  return sum;
}
CUFERRY_ACLE uint32_t cuferry_crc32b(uint32_t sum, uint8_t data) { return cuferry_crc(sum, data, 1, 0xedb88320u); }
CUFERRY_ACLE uint32_t cuferry_crc32h(uint32_t sum, uint16_t data) { return cuferry_crc(sum, data, 2, 0xedb88320u); }
CUFERRY_ACLE uint32_t cuferry_crc32w(uint32_t sum, uint32_t data) { return cuferry_crc(sum, data, 4, 0xedb88320u); }
CUFERRY_ACLE uint32_t cuferry_crc32d(uint32_t sum, uint64_t data) { return cuferry_crc(sum, data, 8, 0xedb88320u); }
#if defined(__SSE4_2__)
CUFERRY_ACLE uint32_t cuferry_crc32cb(uint32_t sum, uint8_t data) { return _mm_crc32_u8(sum, data); }
CUFERRY_ACLE uint32_t cuferry_crc32ch(uint32_t sum, uint16_t data) { return _mm_crc32_u16(sum, data); }
CUFERRY_ACLE uint32_t cuferry_crc32cw(uint32_t sum, uint32_t data) { return _mm_crc32_u32(sum, data); }
CUFERRY_ACLE uint32_t cuferry_crc32cd(uint32_t sum, uint64_t data) { return (uint32_t)_mm_crc32_u64(sum, data); }
#else
CUFERRY_ACLE uint32_t cuferry_crc32cb(uint32_t sum, uint8_t data) { return cuferry_crc(sum, data, 1, 0x82f63b78u); }
CUFERRY_ACLE uint32_t cuferry_crc32ch(uint32_t sum, uint16_t data) { return cuferry_crc(sum, data, 2, 0x82f63b78u); }
CUFERRY_ACLE uint32_t cuferry_crc32cw(uint32_t sum, uint32_t data) { return cuferry_crc(sum, data, 4, 0x82f63b78u); }
CUFERRY_ACLE uint32_t cuferry_crc32cd(uint32_t sum, uint64_t data) { return cuferry_crc(sum, data, 8, 0x82f63b78u); }
#endif

#undef __crc32b
#define __crc32b cuferry_crc32b
#undef __crc32h
#define __crc32h cuferry_crc32h
#undef __crc32w
#define __crc32w cuferry_crc32w
#undef __crc32d
#define __crc32d cuferry_crc32d
#undef __crc32cb
#define __crc32cb cuferry_crc32cb
#undef __crc32ch
#define __crc32ch cuferry_crc32ch
#undef __crc32cw
#define __crc32cw cuferry_crc32cw
#undef __crc32cd
#define __crc32cd cuferry_crc32cd

/* A double's integer part modulo 2^32, as JavaScript's `| 0` gives it. */
CUFERRY_ACLE int32_t __jcvt(double a) {
  uint64_t bits;
  memcpy(&bits, &a, sizeof bits);
  const int shift = (int)(bits >> 52 & 0x7ff) - 1075;
  const uint64_t whole = (bits & 0xfffffffffffffu) | 0x10000000000000u;
  if (shift < -52 || shift > 31) return 0;
  const uint32_t size = (uint32_t)(shift < 0 ? whole >> -shift : whole << shift);
  return (int32_t)(bits >> 63 ? 0u - size : size);
}

#endif
#endif
