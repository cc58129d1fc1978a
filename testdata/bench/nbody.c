// Bodies that attract each other: all pairs, symplectic Euler steps.
#include "kernel.h"

#include <math.h>

enum { kBodies = 24 };

typedef struct {
  double position[3];
  double velocity[3];
  double mass;
} Body;

static void attract(Body* a, Body* b, double time) {
  double away[3], square = 1e-3;
  for (int i = 0; i < 3; i++) {
    away[i] = a->position[i] - b->position[i];
    square += away[i] * away[i];
  }
  const double pull = time / (square * sqrt(square));
  for (int i = 0; i < 3; i++) {
    a->velocity[i] -= away[i] * (b->mass * pull);
    b->velocity[i] += away[i] * (a->mass * pull);
  }
}

int main(int argc, char** argv) {
  const uint32_t steps = size_argument(argc, argv, 700000);
  const double time = 1e-4;
  Body bodies[kBodies];
  Random random = random_from(4);
  for (int i = 0; i < kBodies; i++) {
    for (int k = 0; k < 3; k++) {
      bodies[i].position[k] = random_unit(&random) * 10 - 5;
      bodies[i].velocity[k] = random_unit(&random) - 0.5;
    }
    bodies[i].mass = random_unit(&random) + 0.1;
  }
  for (uint32_t step = 0; step < steps; step++) {
    for (int i = 0; i < kBodies; i++)
      for (int k = i + 1; k < kBodies; k++)
        attract(&bodies[i], &bodies[k], time);
    for (int i = 0; i < kBodies; i++)
      for (int k = 0; k < 3; k++)
        bodies[i].position[k] += time * bodies[i].velocity[k];
  }
  uint64_t sum = 0;
  for (int i = 0; i < kBodies; i++)
    for (int k = 0; k < 3; k++)
      sum = mix_double(mix_double(sum, bodies[i].position[k]), bodies[i].velocity[k]);
  return print_checksum(sum);
}
