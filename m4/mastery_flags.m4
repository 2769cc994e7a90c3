dnl SPDX-License-Identifier: GPL-3.0-or-later

dnl MASTERY_COMPILE_FLAGS(VARIABLE, FLAGS)
dnl Appends to VARIABLE each of FLAGS that the compiler takes without a warning, together with the
dnl user's own flags: _FORTIFY_SOURCE, for one, is dropped without optimisation. Quoted flags that
dnl belong together are tried together.
AC_DEFUN([MASTERY_COMPILE_FLAGS], [
    for mastery_flag in $2; do
        AS_VAR_PUSHDEF([mastery_cache], [mastery_cv_compile_$mastery_flag])
        AC_CACHE_CHECK([whether $CC takes $mastery_flag], [mastery_cache], [
            mastery_saved_CFLAGS=$CFLAGS
            CFLAGS="$CFLAGS -Werror $mastery_flag"
            AC_COMPILE_IFELSE([AC_LANG_SOURCE([MASTERY_PROGRAM])],
                [AS_VAR_SET([mastery_cache], [yes])], [AS_VAR_SET([mastery_cache], [no])])
            CFLAGS=$mastery_saved_CFLAGS])
        AS_VAR_IF([mastery_cache], [yes], [AS_VAR_APPEND([$1], [" $mastery_flag"])])
        AS_VAR_POPDEF([mastery_cache])
    done])

dnl MASTERY_LINK_FLAGS(VARIABLE, FLAGS)
dnl The same for what goes to the linker.
AC_DEFUN([MASTERY_LINK_FLAGS], [
    for mastery_flag in $2; do
        AS_VAR_PUSHDEF([mastery_cache], [mastery_cv_link_$mastery_flag])
        AC_CACHE_CHECK([whether the linker takes $mastery_flag], [mastery_cache], [
            mastery_saved_CFLAGS=$CFLAGS
            mastery_saved_LDFLAGS=$LDFLAGS
            CFLAGS="$CFLAGS -Werror -fPIE"
            LDFLAGS="$LDFLAGS -Werror $mastery_flag"
            AC_LINK_IFELSE([AC_LANG_SOURCE([MASTERY_PROGRAM])],
                [AS_VAR_SET([mastery_cache], [yes])], [AS_VAR_SET([mastery_cache], [no])])
            CFLAGS=$mastery_saved_CFLAGS
            LDFLAGS=$mastery_saved_LDFLAGS])
        AS_VAR_IF([mastery_cache], [yes], [AS_VAR_APPEND([$1], [" $mastery_flag"])])
        AS_VAR_POPDEF([mastery_cache])
    done])

dnl Includes a header, so that what the C library says about a flag is heard too.
m4_define([MASTERY_PROGRAM], [[
#include <stdio.h>
int main(void)
{
    return puts("tried") < 0;
}
]])

dnl MASTERY_CHECK_FUNCTIONS(LIBRARY, FUNCTIONS, COMPLAINT)
dnl Stops with COMPLAINT unless each function can be linked from -lLIBRARY.
AC_DEFUN([MASTERY_CHECK_FUNCTIONS], [
    m4_foreach_w([mastery_function], [$2],
        [AC_CHECK_LIB([$1], mastery_function, [:], [AC_MSG_ERROR([$3])])])])
