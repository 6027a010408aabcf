// Package rights tests what aiofs does for several users: a daemon of root's, mounted with allow_other, two users without rights
// and root, each of whom tries to gain something by it.
//
// The clients are shells and the programs below; the tests need root. What the machine lacks skips a test at home and fails it where
// CI=true.
package rights
