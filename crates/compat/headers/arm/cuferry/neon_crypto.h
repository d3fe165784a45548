/* The instructions for AES, SHA-1, SHA-2, SHA-3, SM3 and SM4. Right rather than fast, but for AES with AES-NI. */

CUFERRY_NEON uint32_t cuferry_rotated(uint32_t a, int left) { return a << left | a >> (32 - left); }
CUFERRY_NEON uint64_t cuferry_rotated_right(uint64_t a, int right) { return a >> right | a << (64 - right); }

/* Bytes as polynomials modulo `modulus`: a product, an inverse (of 0 it is 0), and the sum of a byte's turns. */
CUFERRY_NEON uint8_t cuferry_byte_product(unsigned a, unsigned b, unsigned modulus) {
  unsigned sum = 0;
  for (; b; b >>= 1) {
    if (b & 1) sum ^= a;
    a = a & 0x80 ? a << 1 ^ modulus : a << 1;
  }
  return (uint8_t)sum;
}
static __inline__ __attribute__((__unused__)) uint8_t cuferry_byte_inverse(uint8_t a, unsigned modulus) {
  uint8_t power = 1;
  /* 254 has all bits but the last. */
  for (int i = 0; i < 7; i++) power = cuferry_byte_product(cuferry_byte_product(power, power, modulus), a, modulus);
  return cuferry_byte_product(power, power, modulus);
}
CUFERRY_NEON uint8_t cuferry_turned_byte(uint8_t a, int left) { return (uint8_t)(a << left | a >> (8 - left)); }

#if defined(__AES__)
CUFERRY_NEON __m128i cuferry_to_m128i(uint8x16_t a) { __m128i r; memcpy(&r, &a, 16); return r; }
CUFERRY_NEON uint8x16_t cuferry_from_m128i(__m128i a) { uint8x16_t r; memcpy(&r, &a, 16); return r; }
CUFERRY_NEON uint8x16_t vaeseq_u8(uint8x16_t a, uint8x16_t key) {
  return cuferry_from_m128i(_mm_aesenclast_si128(cuferry_to_m128i(a ^ key), _mm_setzero_si128()));
}
CUFERRY_NEON uint8x16_t vaesdq_u8(uint8x16_t a, uint8x16_t key) {
  return cuferry_from_m128i(_mm_aesdeclast_si128(cuferry_to_m128i(a ^ key), _mm_setzero_si128()));
}
#else
CUFERRY_NEON uint8_t cuferry_aes_box(uint8_t a) {
  const uint8_t b = cuferry_byte_inverse(a, 0x11b);
  return (uint8_t)(b ^ cuferry_turned_byte(b, 1) ^ cuferry_turned_byte(b, 2) ^ cuferry_turned_byte(b, 3) ^ cuferry_turned_byte(b, 4) ^ 0x63);
}
CUFERRY_NEON uint8_t cuferry_aes_box_back(uint8_t a) {
  return cuferry_byte_inverse((uint8_t)(cuferry_turned_byte(a, 1) ^ cuferry_turned_byte(a, 3) ^ cuferry_turned_byte(a, 6) ^ 0x05), 0x11b);
}
/* Row `i % 4` of the state moves by its number. */
CUFERRY_NEON uint8x16_t vaeseq_u8(uint8x16_t a, uint8x16_t key) {
  uint8x16_t r;
  a ^= key;
  for (int i = 0; i < 16; i++) r[i] = cuferry_aes_box(a[(i + 4 * (i % 4)) % 16]);
  return r;
}
CUFERRY_NEON uint8x16_t vaesdq_u8(uint8x16_t a, uint8x16_t key) {
  uint8x16_t r;
  a ^= key;
  for (int i = 0; i < 16; i++) r[i] = cuferry_aes_box_back(a[(i + 12 * (i % 4)) % 16]);
  return r;
}
#endif
CUFERRY_NEON uint8x16_t cuferry_aes_mixed(uint8x16_t a, unsigned first, unsigned second, unsigned third, unsigned fourth) {
  uint8x16_t r;
  for (int i = 0; i < 16; i++) {
    const int column = i / 4 * 4;
    r[i] = (uint8_t)(cuferry_byte_product(a[i], first, 0x11b) ^ cuferry_byte_product(a[column + (i + 1) % 4], second, 0x11b) ^
                     cuferry_byte_product(a[column + (i + 2) % 4], third, 0x11b) ^ cuferry_byte_product(a[column + (i + 3) % 4], fourth, 0x11b));
  }
  return r;
}
CUFERRY_NEON uint8x16_t vaesmcq_u8(uint8x16_t a) { return cuferry_aes_mixed(a, 2, 3, 1, 1); }
CUFERRY_NEON uint8x16_t vaesimcq_u8(uint8x16_t a) { return cuferry_aes_mixed(a, 14, 11, 13, 9); }

CUFERRY_NEON uint32_t cuferry_choice(uint32_t a, uint32_t b, uint32_t c) { return (a & b) | (~a & c); }
CUFERRY_NEON uint32_t cuferry_majority(uint32_t a, uint32_t b, uint32_t c) { return (a & b) | (a & c) | (b & c); }
CUFERRY_NEON uint32_t cuferry_parity(uint32_t a, uint32_t b, uint32_t c) { return a ^ b ^ c; }

#define CUFERRY_NEON_SHA1(letter, function)                                                     \
  CUFERRY_NEON uint32x4_t vsha1##letter##q_u32(uint32x4_t x, uint32_t y, uint32x4_t w) {        \
    for (int i = 0; i < 4; i++) {                                                               \
      const uint32_t sum = y + cuferry_rotated(x[0], 5) + function(x[1], x[2], x[3]) + w[i];    \
      y = x[3];                                                                                 \
      x[3] = x[2];                                                                              \
      x[2] = cuferry_rotated(x[1], 30);                                                         \
      x[1] = x[0];                                                                              \
      x[0] = sum;                                                                               \
    }                                                                                           \
    return x;                                                                                   \
  }
CUFERRY_NEON_SHA1(c, cuferry_choice)
CUFERRY_NEON_SHA1(p, cuferry_parity)
CUFERRY_NEON_SHA1(m, cuferry_majority)
CUFERRY_NEON uint32_t vsha1h_u32(uint32_t a) { return cuferry_rotated(a, 30); }
CUFERRY_NEON uint32x4_t vsha1su0q_u32(uint32x4_t a, uint32x4_t b, uint32x4_t c) { return vextq_u32(a, b, 2) ^ a ^ c; }
CUFERRY_NEON uint32x4_t vsha1su1q_u32(uint32x4_t a, uint32x4_t b) {
  const uint32x4_t none = {0, 0, 0, 0}, t = a ^ vextq_u32(b, none, 1);
  uint32x4_t r;
  for (int i = 0; i < 4; i++) r[i] = cuferry_rotated(t[i], 1);
  r[3] ^= cuferry_rotated(t[0], 2);
  return r;
}

CUFERRY_NEON uint32x4_t cuferry_sha256(uint32x4_t x, uint32x4_t y, uint32x4_t w, int second) {
  for (int i = 0; i < 4; i++) {
    const uint32_t one = cuferry_rotated(y[0], 26) ^ cuferry_rotated(y[0], 21) ^ cuferry_rotated(y[0], 7);
    const uint32_t nil = cuferry_rotated(x[0], 30) ^ cuferry_rotated(x[0], 19) ^ cuferry_rotated(x[0], 10);
    const uint32_t sum = y[3] + one + cuferry_choice(y[0], y[1], y[2]) + w[i];
    const uint32_t next = sum + nil + cuferry_majority(x[0], x[1], x[2]), out = x[3] + sum;
    for (int k = 3; k > 0; k--) {
      x[k] = x[k - 1];
      y[k] = y[k - 1];
    }
    x[0] = next;
    y[0] = out;
  }
  return second ? y : x;
}
CUFERRY_NEON uint32x4_t vsha256hq_u32(uint32x4_t x, uint32x4_t y, uint32x4_t w) { return cuferry_sha256(x, y, w, 0); }
CUFERRY_NEON uint32x4_t vsha256h2q_u32(uint32x4_t y, uint32x4_t x, uint32x4_t w) { return cuferry_sha256(x, y, w, 1); }
CUFERRY_NEON uint32x4_t vsha256su0q_u32(uint32x4_t a, uint32x4_t b) {
  const uint32x4_t t = vextq_u32(a, b, 1);
  for (int i = 0; i < 4; i++) a[i] += cuferry_rotated(t[i], 25) ^ cuferry_rotated(t[i], 14) ^ t[i] >> 3;
  return a;
}
CUFERRY_NEON uint32x4_t vsha256su1q_u32(uint32x4_t a, uint32x4_t b, uint32x4_t c) {
  const uint32x4_t t = vextq_u32(b, c, 1);
  for (int i = 0; i < 4; i++) {
    const uint32_t from = i < 2 ? c[i + 2] : a[i - 2];
    a[i] += t[i] + (cuferry_rotated(from, 15) ^ cuferry_rotated(from, 13) ^ from >> 10);
  }
  return a;
}

CUFERRY_NEON uint64_t cuferry_sha512_one(uint64_t a) {
  return cuferry_rotated_right(a, 14) ^ cuferry_rotated_right(a, 18) ^ cuferry_rotated_right(a, 41);
}
CUFERRY_NEON uint64_t cuferry_sha512_nil(uint64_t a) {
  return cuferry_rotated_right(a, 28) ^ cuferry_rotated_right(a, 34) ^ cuferry_rotated_right(a, 39);
}
CUFERRY_NEON uint64x2_t vsha512hq_u64(uint64x2_t w, uint64x2_t x, uint64x2_t y) {
  uint64x2_t r;
  r[1] = ((y[1] & x[0]) ^ (~y[1] & x[1])) + cuferry_sha512_one(y[1]) + w[1];
  const uint64_t sum = r[1] + y[0];
  r[0] = ((sum & y[1]) ^ (~sum & x[0])) + cuferry_sha512_one(sum) + w[0];
  return r;
}
CUFERRY_NEON uint64x2_t vsha512h2q_u64(uint64x2_t w, uint64x2_t x, uint64x2_t y) {
  uint64x2_t r;
  r[1] = ((x[0] & y[1]) ^ (x[0] & y[0]) ^ (y[1] & y[0])) + cuferry_sha512_nil(y[0]) + w[1];
  r[0] = ((r[1] & y[0]) ^ (r[1] & y[1]) ^ (y[1] & y[0])) + cuferry_sha512_nil(r[1]) + w[0];
  return r;
}
CUFERRY_NEON uint64x2_t vsha512su0q_u64(uint64x2_t w, uint64x2_t x) {
  const uint64_t from[2] = {w[1], x[0]};
  for (int i = 0; i < 2; i++) w[i] += cuferry_rotated_right(from[i], 1) ^ cuferry_rotated_right(from[i], 8) ^ from[i] >> 7;
  return w;
}
CUFERRY_NEON uint64x2_t vsha512su1q_u64(uint64x2_t w, uint64x2_t x, uint64x2_t y) {
  for (int i = 0; i < 2; i++) w[i] += y[i] + (cuferry_rotated_right(x[i], 19) ^ cuferry_rotated_right(x[i], 61) ^ x[i] >> 6);
  return w;
}
CUFERRY_NEON uint64x2_t vrax1q_u64(uint64x2_t a, uint64x2_t b) {
  for (int i = 0; i < 2; i++) a[i] ^= cuferry_rotated_right(b[i], 63);
  return a;
}

CUFERRY_NEON uint32x4_t vsm3ss1q_u32(uint32x4_t a, uint32x4_t b, uint32x4_t c) {
  const uint32x4_t r = {0, 0, 0, cuferry_rotated(cuferry_rotated(a[3], 12) + b[3] + c[3], 7)};
  return r;
}
#define CUFERRY_NEON_SM3(name, function, plus, turn, last)                                               \
  CUFERRY_NEON uint32x4_t name(uint32x4_t a, uint32x4_t b, uint32x4_t c, const int word) {               \
    const uint32_t sum = function(a[3], a[2], a[1]) + a[0] + (plus) + c[word];                           \
    const uint32x4_t r = {a[1], cuferry_rotated(a[2], turn), a[3], last};                                \
    return r;                                                                                            \
  }
#define CUFERRY_NEON_SM3_MIXED (sum ^ cuferry_rotated(sum, 9) ^ cuferry_rotated(sum, 17))
CUFERRY_NEON_SM3(vsm3tt1aq_u32, cuferry_parity, b[3] ^ cuferry_rotated(a[3], 12), 9, sum)
CUFERRY_NEON_SM3(vsm3tt1bq_u32, cuferry_majority, b[3] ^ cuferry_rotated(a[3], 12), 9, sum)
CUFERRY_NEON_SM3(vsm3tt2aq_u32, cuferry_parity, b[3], 19, CUFERRY_NEON_SM3_MIXED)
CUFERRY_NEON_SM3(vsm3tt2bq_u32, cuferry_choice, b[3], 19, CUFERRY_NEON_SM3_MIXED)
CUFERRY_NEON uint32_t cuferry_sm3_spread(uint32_t a) { return a ^ cuferry_rotated(a, 15) ^ cuferry_rotated(a, 23); }
CUFERRY_NEON uint32x4_t vsm3partw1q_u32(uint32x4_t a, uint32x4_t b, uint32x4_t c) {
  uint32x4_t r = a ^ b;
  for (int i = 0; i < 3; i++) r[i] = cuferry_sm3_spread(r[i] ^ cuferry_rotated(c[i + 1], 15));
  r[3] = cuferry_sm3_spread(r[3] ^ cuferry_rotated(r[0], 15));
  return r;
}
CUFERRY_NEON uint32x4_t vsm3partw2q_u32(uint32x4_t a, uint32x4_t b, uint32x4_t c) {
  uint32x4_t t = b;
  for (int i = 0; i < 4; i++) t[i] ^= cuferry_rotated(c[i], 7);
  a ^= t;
  a[3] ^= cuferry_sm3_spread(cuferry_rotated(t[0], 15));
  return a;
}

/* SM4's table is an inverse between two equal affine maps. */
CUFERRY_NEON uint8_t cuferry_sm4_affine(uint8_t a) {
  uint8_t r = 0;
  for (int bit = 0; bit < 8; bit++) {
    const uint8_t row = (uint8_t)(cuferry_turned_byte(0xa7, bit) & a);
    r = (uint8_t)(r | (__builtin_popcount(row) & 1) << bit);
  }
  return r ^ 0xd3;
}
static __inline__ __attribute__((__unused__)) uint32_t cuferry_sm4_boxes(uint32_t a) {
  uint32_t r = 0;
  for (int byte = 0; byte < 32; byte += 8)
    r |= (uint32_t)cuferry_sm4_affine(cuferry_byte_inverse(cuferry_sm4_affine((uint8_t)(a >> byte)), 0x1f5)) << byte;
  return r;
}
#define CUFERRY_NEON_SM4(name, mixed)                                                 \
  CUFERRY_NEON uint32x4_t name(uint32x4_t a, uint32x4_t key) {                        \
    for (int i = 0; i < 4; i++) {                                                     \
      const uint32_t box = cuferry_sm4_boxes(a[1] ^ a[2] ^ a[3] ^ key[i]);            \
      const uint32x4_t next = {a[1], a[2], a[3], a[0] ^ box ^ (mixed)};               \
      a = next;                                                                       \
    }                                                                                 \
    return a;                                                                         \
  }
CUFERRY_NEON_SM4(vsm4eq_u32, cuferry_rotated(box, 2) ^ cuferry_rotated(box, 10) ^ cuferry_rotated(box, 18) ^ cuferry_rotated(box, 24))
CUFERRY_NEON_SM4(vsm4ekeyq_u32, cuferry_rotated(box, 13) ^ cuferry_rotated(box, 23))
