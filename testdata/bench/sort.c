// Sorting three ways: numbers by quicksort, records by merging through a comparison function, doubles in a heap.
#include "kernel.h"

typedef struct {
  uint32_t key;
  uint32_t number;
} Record;

static void quicksort(uint32_t* values, int32_t low, int32_t high) {
  while (high - low > 16) {
    const uint32_t a = values[low], b = values[low + (high - low) / 2], c = values[high];
    const uint32_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
    int32_t left = low, right = high;
    while (left <= right) {
      while (values[left] < pivot)
        left++;
      while (values[right] > pivot)
        right--;
      if (left > right)
        break;
      const uint32_t kept = values[left];
      values[left++] = values[right];
      values[right--] = kept;
    }
    if (right - low < high - left) {
      quicksort(values, low, right);
      low = left;
    } else {
      quicksort(values, left, high);
      high = right;
    }
  }
  for (int32_t i = low + 1; i <= high; i++) {
    const uint32_t value = values[i];
    int32_t hole = i;
    for (; hole > low && values[hole - 1] > value; hole--)
      values[hole] = values[hole - 1];
    values[hole] = value;
  }
}

typedef int (*Compare)(const Record*, const Record*);

static int by_key(const Record* a, const Record* b) { return (a->key > b->key) - (a->key < b->key); }
static int by_low_bits(const Record* a, const Record* b) { return (int)(a->key & 0xffff) - (int)(b->key & 0xffff); }

static void merge_sort(Record* records, Record* spare, uint32_t count, Compare compare) {
  for (uint32_t width = 1; width < count; width *= 2) {
    for (uint32_t begin = 0; begin < count; begin += 2 * width) {
      const uint32_t middle = begin + width < count ? begin + width : count;
      const uint32_t end = begin + 2 * width < count ? begin + 2 * width : count;
      uint32_t left = begin, right = middle;
      for (uint32_t out = begin; out < end; out++) {
        const int from_left = right == end || (left < middle && compare(&records[left], &records[right]) <= 0);
        spare[out] = from_left ? records[left++] : records[right++];
      }
    }
    Record* const merged = spare;
    spare = records;
    records = merged;
  }
  if (count > 1 && (32 - __builtin_clz(count - 1)) % 2 == 1)  // an odd number of passes ends in the other array
    memcpy(spare, records, count * sizeof *records);
}

static void sink(double* heap, uint32_t at, uint32_t count) {
  const double value = heap[at];
  for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && heap[child] < heap[child + 1])
      child++;
    if (heap[child] <= value)
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
}

static void heap_sort(double* values, uint32_t count) {
  for (uint32_t i = count / 2; i-- > 0;)
    sink(values, i, count);
  for (uint32_t end = count; end-- > 1;) {
    const double largest = values[0];
    values[0] = values[end];
    values[end] = largest;
    sink(values, 0, end);
  }
}

int main(int argc, char** argv) {
  const uint32_t n = size_argument(argc, argv, 3000000);
  uint32_t* numbers = allocate(n, sizeof *numbers);
  double* doubles = allocate(n, sizeof *doubles);
  Record* records = allocate(n, sizeof *records);
  Record* spare = allocate(n, sizeof *spare);
  Random random = random_from(10);
  for (uint32_t i = 0; i < n; i++) {
    numbers[i] = random_u32(&random);
    doubles[i] = random_unit(&random);
    records[i] = (Record){random_u32(&random), i};
  }
  quicksort(numbers, 0, (int32_t)n - 1);
  heap_sort(doubles, n);
  merge_sort(records, spare, n, by_key);
  merge_sort(records, spare, n, by_low_bits);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++)
    sum = mix(mix_double(mix(sum, numbers[i]), doubles[i]), records[i].number);
  return print_checksum(sum);
}
