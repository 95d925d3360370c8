"""How kernels are compiled: numba's `njit`, without reference counts, and each kernel but once.

Reference counts. numba adds to an array's reference count and takes off again, each an atomic
operation, wherever an array is read from a tuple, a row from an array, or either is handed to a
function. A kernel gets its state as tuples of arrays and does little with each record, so that went
with half of the time, and with much of what had to be compiled. The counts are of no use here:
every array that a kernel sees is one of its arguments or a part of one, and whoever called it keeps
those. Without the counts numba can make no array, and says so while compiling; nor can it assign
one array to a part of another, for which it may have to copy it first. A kernel that needs its own
array asks for the counts, `_nrt=True`. Functions inherit the setting from whatever makes them
compile first, so it is stated for every kernel, and none depends on the order of calls.

Each kernel once. numba makes of each function that a kernel calls what Python could call as well: a
wrapper that unpacks Python's arguments (for tuples of arrays, longer than most kernels), optimised
machine code for both, a file in the cache. Then it takes the code into the caller's, and optimises
it again, and once more at every level above. Here a function that is called by a kernel is a
`_Part` of it: code that is neither optimised nor made native before it is part of a kernel that
Python calls. Nor is it compiled again for each constant that it is called with: the optimiser sees
those when it takes the function into its caller.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numba
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult, Flags, compile_extra
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.core.registry import CPUDispatcher
from numba.core.types.misc import unliteral


def njit(**options: Any) -> Any:
    """Return numba's decorator `njit` with these options.

    Examples
    --------
    >>> import numpy as np
    >>> @njit(error_model="numpy")
    ... def total(values):
    ...     result = 0.0
    ...     for value in values:
    ...         result += value
    ...     return result
    >>> total(np.array([1.0, 2.0]))
    3.0
    """
    options = {"_nrt": False, "no_cfunc_wrapper": True, "nopython": True, **options}
    is_cached = options.pop("cache", False)

    def decorate(function: Callable[..., Any]) -> Any:
        if numba.config.DISABLE_JIT:
            return function
        kernel = _Kernel(function, targetoptions=options)
        if is_cached:
            kernel.enable_caching()
        return kernel

    return decorate


class _Kernel(CPUDispatcher):  # type: ignore[misc]
    """A function as Python calls it; other kernels get it as their part."""

    def __init__(self, function: Callable[..., Any], targetoptions: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=targetoptions)
        self._part = _PartOfKernels(function, targetoptions=targetoptions)

    def compile(self, sig: Any) -> Any:
        """Compile, or load from the cache, and let garbage wait.

        The compiler makes many objects and needs them to its end; a look through all of them at
        every 700th new one took a fifth of its time.
        """
        is_enabled = gc.isenabled()
        gc.disable()
        try:
            return super().compile(sig)
        finally:
            if is_enabled:
                gc.enable()

    @property
    def _numba_type_(self) -> types.Type:
        return types.Dispatcher(self._part)


class _PartOfKernels(CPUDispatcher):  # type: ignore[misc]
    """A function as kernels call it."""

    def __init__(self, function: Callable[..., Any], targetoptions: dict[str, Any]) -> None:
        options = {**targetoptions, "no_cpython_wrapper": True}
        super().__init__(function, targetoptions=options)
        self._compiler: Any = _PartCompiler(
            function, self.targetdescr, options, self.locals, Compiler
        )

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Type a call; constants are taken for any value of their type."""
        args = [unliteral(arg) for arg in args]
        return super().get_call_template(args, {k: unliteral(v) for k, v in kws.items()})

    def add_overload(self, cres: CompileResult) -> None:
        """Keep what was compiled out of reach of Python."""
        self.overloads[tuple(cres.signature.args)] = cres


class _Settled(Flags):  # type: ignore[misc]
    """Options of a compilation that stay as they are; equal ones are one object.

    numba looks up each operator by them, among others, and then compares some thirty options by
    name, where these are the same at first sight.
    """

    def __hash__(self) -> int:
        return _HASH

    def __eq__(self, other: object) -> bool:
        return self is other or bool(super().__eq__(other))

    def copy(self) -> _Settled:
        """There is no need for another one."""
        return self


_HASH = hash(Flags())  # of all flags: numba takes the names of the options
_SETTLED: dict[str, _Settled] = {}


class _PartCompiler(_FunctionCompiler):  # type: ignore[misc]
    """Translates a function into a `_Part`."""

    def _compile_core(self, args: Any, return_type: Any) -> CompileResult:
        flags = _Settled()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_compile = True
        flags = _SETTLED.setdefault(flags.summary(), flags)
        context = self.targetdescr.target_context
        part = _Part(context.codegen(), self.py_func.__qualname__)
        result = compile_extra(
            self.targetdescr.typing_context,
            context,
            self.py_func,
            args,
            return_type,
            flags,
            self.locals,
            library=part,
            pipeline_class=self.pipeline_class,
        )
        # What callers know it by, and what has to be linked with them.
        name = object()
        context.insert_user_function(name, result.fndesc, [part, *part.parts])
        return result._replace(entry_point=name)


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """Code that is optimised and made native as a part of other code alone."""

    @property
    def parts(self) -> list[Any]:
        """The code that it calls, and what that calls."""
        return list(self._linking_libraries)

    def finalize(self) -> None:
        """Leave all that makes code ready to run to the kernel that it becomes a part of."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "external":
                function.linkage = "linkonce_odr"  # as numba has it, so that unused code can go
        self._shared_module = self._final_module
        self._finalized = True
