// A JSON document of random values, parsed into a tree and printed again, over and over.
#include "kernel.h"

typedef enum { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject } Kind;

// A member of an object carries its name; the members of arrays and objects are chained.
typedef struct Value {
  struct Value* next;
  struct Value* first;
  const char* name;
  const char* text;  // of a string, without quotes
  uint32_t name_size;
  uint32_t text_size;
  int64_t mantissa;  // a number is mantissa / 10^decimals
  uint8_t decimals;
  uint8_t kind;
} Value;

typedef struct {
  const char* at;
  char* spare;  // where unescaped strings go
  Value* values;
  uint32_t count;
} Parser;

static void skip_space(Parser* parser) {
  while (*parser->at == ' ' || *parser->at == '\n')
    parser->at++;
}

static void fail(const char* why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static const char* parse_string(Parser* parser, uint32_t* size) {
  const char* const begin = parser->spare;
  for (parser->at++; *parser->at != '"'; parser->at++) {
    char c = *parser->at;
    if (c == '\\') {
      c = *++parser->at;
      c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
    *parser->spare++ = c;
  }
  parser->at++;
  *size = (uint32_t)(parser->spare - begin);
  return begin;
}

static void parse_number(Parser* parser, Value* value) {
  const int negative = *parser->at == '-';
  parser->at += negative;
  int64_t mantissa = 0;
  uint8_t decimals = 0;
  int in_fraction = 0;
  for (;; parser->at++) {
    if (*parser->at == '.') {
      in_fraction = 1;
    } else if (*parser->at >= '0' && *parser->at <= '9') {
      mantissa = mantissa * 10 + (*parser->at - '0');
      decimals += (uint8_t)in_fraction;
    } else {
      break;
    }
  }
  value->mantissa = negative ? -mantissa : mantissa;
  value->decimals = decimals;
}

static void expect(Parser* parser, const char* word, uint32_t size) {
  if (memcmp(parser->at, word, size) != 0)
    fail("a word that is none");
  parser->at += size;
}

static Value* parse(Parser* parser);

static void parse_members(Parser* parser, Value* value, char close) {
  Value** link = &value->first;
  parser->at++;
  skip_space(parser);
  while (*parser->at != close) {
    const char* name = NULL;
    uint32_t name_size = 0;
    if (close == '}') {
      name = parse_string(parser, &name_size);
      skip_space(parser);
      expect(parser, ":", 1);
      skip_space(parser);
    }
    Value* member = parse(parser);
    member->name = name;
    member->name_size = name_size;
    *link = member;
    link = &member->next;
    skip_space(parser);
    if (*parser->at == ',') {
      parser->at++;
      skip_space(parser);
    } else if (*parser->at != close) {
      fail("neither a comma nor an end");
    }
  }
  parser->at++;
}

static Value* parse(Parser* parser) {
  Value* value = &parser->values[parser->count++];
  memset(value, 0, sizeof *value);
  switch (*parser->at) {
    case '{':
      value->kind = kObject;
      parse_members(parser, value, '}');
      break;
    case '[':
      value->kind = kArray;
      parse_members(parser, value, ']');
      break;
    case '"':
      value->kind = kString;
      value->text = parse_string(parser, &value->text_size);
      break;
    case 't':
      value->kind = kTrue;
      expect(parser, "true", 4);
      break;
    case 'f':
      value->kind = kFalse;
      expect(parser, "false", 5);
      break;
    case 'n':
      value->kind = kNull;
      expect(parser, "null", 4);
      break;
    default:
      value->kind = kNumber;
      parse_number(parser, value);
  }
  return value;
}

static char* print_string(char* out, const char* text, uint32_t size) {
  *out++ = '"';
  for (uint32_t i = 0; i < size; i++) {
    const char c = text[i];
    if (c == '"' || c == '\\' || c == '\n' || c == '\t') {
      *out++ = '\\';
      *out++ = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
    } else {
      *out++ = c;
    }
  }
  *out++ = '"';
  return out;
}

static char* print_number(char* out, int64_t mantissa, uint8_t decimals) {
  char digits[24];
  int count = 0;
  uint64_t left = mantissa < 0 ? -(uint64_t)mantissa : (uint64_t)mantissa;
  do {
    digits[count++] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0 || count <= decimals);
  if (mantissa < 0)
    *out++ = '-';
  while (count > 0) {
    *out++ = digits[--count];
    if (count == decimals && count > 0)
      *out++ = '.';
  }
  return out;
}

static char* print(char* out, const Value* value) {
  static const char* const kWords[] = {"null", "false", "true"};
  switch (value->kind) {
    case kNumber:
      return print_number(out, value->mantissa, value->decimals);
    case kString:
      return print_string(out, value->text, value->text_size);
    case kArray:
    case kObject:
      *out++ = (char)(value->kind == kArray ? '[' : '{');
      for (const Value* member = value->first; member; member = member->next) {
        if (member != value->first)
          *out++ = ',';
        if (value->kind == kObject) {
          out = print_string(out, member->name, member->name_size);
          *out++ = ':';
        }
        out = print(out, member);
      }
      *out++ = (char)(value->kind == kArray ? ']' : '}');
      return out;
    default: {
      const char* const word = kWords[value->kind];
      const size_t size = strlen(word);
      memcpy(out, word, size);
      return out + size;
    }
  }
}

static char* print_random_name(char* out, Random* random) {
  static const char kLetters[] = "abcdefghijklmnopqrstuvwxyz _-.\"\\\n\t0123456789";
  char name[24];
  const uint32_t size = 1 + random_below(random, sizeof name);
  for (uint32_t i = 0; i < size; i++)
    name[i] = kLetters[random_below(random, sizeof kLetters - 1)];
  return print_string(out, name, size);
}

static char* print_random(char* out, Random* random, int depth) {
  const uint32_t choice = depth > 0 ? random_below(random, 10) : random_below(random, 5);
  if (choice < 2)
    return print_number(out, (int64_t)random_u32(random) - (1U << 31), (uint8_t)random_below(random, 6));
  if (choice < 4)
    return print_random_name(out, random);
  if (choice == 4) {
    static const char* const kWords[] = {"true", "false", "null"};
    return out + sprintf(out, "%s", kWords[random_below(random, 3)]);
  }
  const int object = choice < 8;
  *out++ = (char)(object ? '{' : '[');
  for (uint32_t left = random_below(random, 12); left > 0; left--) {
    if (object) {
      out = print_random_name(out, random);
      *out++ = ':';
      *out++ = ' ';
    }
    out = print_random(out, random, depth - 1);
    if (left > 1)
      *out++ = ',';
    *out++ = '\n';
  }
  *out++ = (char)(object ? '}' : ']');
  return out;
}

int main(int argc, char** argv) {
  const uint32_t rounds = size_argument(argc, argv, 200), limit = 1 << 20;
  char* document = allocate(2, limit);
  char* printed = allocate(2, limit);
  char* spare = allocate(2, limit);
  Value* values = allocate(limit / 4, sizeof *values);
  Random random = random_from(12);
  char* end = document;
  *end++ = '[';
  while (end - document < (int32_t)(limit / 4 * 3)) {
    end = print_random(end, &random, 5);
    *end++ = ',';
  }
  end[-1] = ']';
  *end = 0;
  uint64_t sum = mix(0, (uint64_t)(end - document));
  for (uint32_t round = 0; round < rounds; round++) {
    Parser parser = {document, spare, values, 0};
    const Value* tree = parse(&parser);
    const char* last = print(printed, tree);
    for (const char* at = printed; at < last; at += 64)
      sum = mix(sum, (uint8_t)*at);
    sum = mix(mix(sum, (uint64_t)(last - printed)), parser.count);
  }
  return print_checksum(sum);
}
