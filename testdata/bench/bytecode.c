// A machine with a stack and a switch in a loop, running a program that counts primes with a sieve.
#include "kernel.h"

typedef enum { kPush, kLoad, kStore, kLoadAt, kStoreAt, kAdd, kMultiply, kLess, kNot, kJump, kJumpIf, kHalt } Opcode;

typedef struct {
  uint32_t opcode;
  int32_t operand;
} Instruction;

static int32_t run(const Instruction* code, int32_t* variables, int32_t* cells) {
  int32_t stack[16];
  int32_t* top = stack;
  for (const Instruction* at = code;; at++) {
    const int32_t operand = at->operand;
    switch ((Opcode)at->opcode) {
      case kPush:
        *++top = operand;
        break;
      case kLoad:
        *++top = variables[operand];
        break;
      case kStore:
        variables[operand] = *top--;
        break;
      case kLoadAt:
        *top = cells[*top];
        break;
      case kStoreAt:  // value, place
        cells[top[0]] = top[-1];
        top -= 2;
        break;
      case kAdd:
        top--;
        *top += top[1];
        break;
      case kMultiply:
        top--;
        *top *= top[1];
        break;
      case kLess:
        top--;
        *top = *top < top[1];
        break;
      case kNot:
        *top = !*top;
        break;
      case kJump:
        at = code + operand - 1;
        break;
      case kJumpIf:
        if (*top--)
          at = code + operand - 1;
        break;
      case kHalt:
        return *top;
    }
  }
}

int main(int argc, char** argv) {
  const int32_t n = (int32_t)size_argument(argc, argv, 12000000);
  enum { i, j, count, limit };
  const Instruction program[] = {
      {kPush, 2},     {kStore, i},                                                     // i = 2
      {kLoad, i},     {kLoad, limit}, {kLess, 0},     {kNot, 0},       {kJumpIf, 33},  // 2: while i < limit
      {kLoad, i},     {kLoadAt, 0},   {kJumpIf, 28},                                   //   if cells[i] == 0
      {kLoad, count}, {kPush, 1},     {kAdd, 0},      {kStore, count},                 //     count += 1
      {kLoad, i},     {kPush, 2},     {kMultiply, 0}, {kStore, j},                     //     j = i * 2
      {kLoad, limit}, {kLoad, j},     {kLess, 0},     {kJumpIf, 28},                   // 18: while j <= limit
      {kPush, 1},     {kLoad, j},     {kStoreAt, 0},                                   //       cells[j] = 1
      {kLoad, j},     {kJump, 35},    {kHalt, 0},                                      //       j += i, out of line
      {kLoad, i},     {kPush, 1},     {kAdd, 0},      {kStore, i},     {kJump, 2},     // 28: i += 1
      {kLoad, count}, {kHalt, 0},                                                      // 33
      {kLoad, i},     {kAdd, 0},      {kStore, j},    {kJump, 18},                     // 35
  };
  int32_t variables[4] = {0, 0, 0, n};
  int32_t* cells = allocate((size_t)n + 1, sizeof *cells);
  const int32_t primes = run(program, variables, cells);
  printf("%d\n", (int)primes);
}
