package policy

import "time"

var q0 = time.Date(2026, 4, 8, 14, 0, 0, 0, time.UTC)
