/*
 * What a scenario has: NR requests in their first PHASE, NR_EVENTS slots, WAITERS in a wait queue at most. The files are those of
 * ioctx/*.go in the order in which each needs the others; an inline of this name is the Go function's steps.
 */
#include "kioctx.pml"
#include "kiocb.pml"
#include "waitqueue.pml"
#include "complete.pml"
#include "cancel.pml"
#include "stage.pml"
#include "submitter.pml"
#include "kill.pml"
#include "engine.pml"
