;; What instances share in the tests of linking.
(module $table
  (table (export "table") 2 funcref)
)
