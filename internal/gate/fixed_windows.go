package gate

import "os"

// fixed: nothing runs confined here, so nothing is known to be out of reach.
func fixed(string) bool { return false }

const readOnly = os.O_RDONLY
